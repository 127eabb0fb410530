package memmap

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newFile makes a file that holds text.
func newFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents is what the file holds, read without mmap.
func contents(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mappings is how many mappings of the file the kernel knows in this process.
func mappings(t testing.TB, path string) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte(" "+path+"\n"))
}

// inLanes is whether the Maps of the tests count in lanes from the start.
var inLanes bool

func counting(t testing.TB, m *Map) *Map {
	if inLanes {
		m.lanes.Store(new(lanes))
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func open(t testing.TB, path string, options *Options) *Map {
	t.Helper()
	m, err := Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return counting(t, m)
}

func anonymous(t testing.TB, size int64, options *Options) *Map {
	t.Helper()
	m, err := Anonymous(size, options)
	if err != nil {
		t.Fatal(err)
	}
	return counting(t, m)
}

var writable = &Options{Access: ReadWrite}

// wants checks that err counts as each of the wanted ones.
func wants(t testing.TB, what string, err error, wanted ...error) {
	t.Helper()
	for _, want := range wanted {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, wanted %v", what, err, want)
		}
	}
}

func succeeds(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// holdsText checks what the mapping holds, as a View sees it.
func holdsText(t testing.TB, m *Map, want string) {
	t.Helper()
	succeeds(t, "View", m.View(func(data []byte) error {
		if string(data) != want {
			t.Errorf("the mapping holds %q, wanted %q", data, want)
		}
		return nil
	}))
}

func zeros(n int) string { return strings.Repeat("\x00", n) }
