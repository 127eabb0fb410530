package memmap

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// collect runs the garbage collector until it has found that many leaks more than before.
func collect(t *testing.T, before, more int64) {
	t.Helper()
	for range 10_000 {
		if Leaks() == before+more {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	t.Fatalf("%d leaks were found, wanted %d", Leaks()-before, more)
}

//go:noinline
func drop(t *testing.T, path string, use func(*Map)) {
	m, err := Open(path, nil)
	succeeds(t, "Open", err)
	use(m)
}

func TestADroppedMapIsClosedAndCounted(t *testing.T) {
	path := newFile(t, "Hello")
	before := Leaks()
	for range 10 {
		drop(t, path, func(*Map) {})
	}
	collect(t, before, 10)
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

func TestADroppedMapWhoseBytesWereLentStaysMapped(t *testing.T) {
	path := newFile(t, "Hello")
	before := Leaks()
	var data []byte
	drop(t, path, func(m *Map) { data = m.Bytes() })
	collect(t, before, 1)
	if string(data) != "Hello" || mappings(t, path) != 1 {
		t.Error("unmapped under its bytes")
	}
}

func TestAClosedMapIsNoLeak(t *testing.T) {
	path := newFile(t, "Hello")
	before := Leaks()
	drop(t, path, func(m *Map) { m.Close() })
	drop(t, path, func(m *Map) { m.View(func([]byte) error { return m.Close() }) })
	drop(t, path, func(*Map) {}) // The one that is waited for.
	collect(t, before, 1)
	for range 10 {
		runtime.GC()
		runtime.Gosched()
	}
	collect(t, before, 1)
}

func TestAMapIsNoLeakWhileItIsViewed(t *testing.T) {
	path := newFile(t, "Hello")
	before := Leaks()
	drop(t, path, func(m *Map) {
		m.View(func(data []byte) error {
			m = nil
			for range 20 {
				runtime.GC()
				runtime.Gosched()
			}
			if Leaks() != before || string(data) != "Hello" {
				t.Error("closed under a view")
			}
			return nil
		})
	})
	collect(t, before, 1)
}

func TestTheStackThatOpenedALeakIsPrintedOnRequest(t *testing.T) {
	const variable = "MEMMAP_LEAKS"
	path := newFile(t, "Hello")
	if os.Getenv(variable) == "1" {
		drop(t, path, func(*Map) {})
		collect(t, 0, 1)
		return
	}
	program := itself("-test.run=^" + t.Name() + "$")
	program.Env = append(os.Environ(), variable+"=1")
	out, err := program.CombinedOutput()
	succeeds(t, "the program that leaks", err)
	_, report, _ := strings.Cut(string(out), "was dropped without Close; it was opened by\n")
	first, _, _ := strings.Cut(strings.TrimSpace(report), "\n")
	if first != "libmemmap/memmap.drop" {
		t.Errorf("it printed\n%s", out)
	}
	if !strings.Contains(report, "leak_test.go:") {
		t.Errorf("the opener is missing:\n%s", out)
	}
}
