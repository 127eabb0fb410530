package mmap

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"libmemmap/memmap"
)

var page = os.Getpagesize()

// newFile makes a file of text, open for reading and writing until the test ends.
func newFile(t testing.TB, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func contents(t testing.TB, file *os.File) string {
	t.Helper()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// permissions is what the kernel says that m is mapped for: "r--s" and the like.
func permissions(t testing.TB, m MMap) string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	start := fmt.Sprintf("%p", m)[len("0x"):]
	for line := range strings.Lines(string(maps)) {
		if strings.HasPrefix(line, start) || strings.HasPrefix(line, strings.TrimLeft(start, "0")) {
			return strings.Fields(line)[1]
		}
	}
	t.Fatalf("%s is not mapped", start)
	return ""
}

func succeeds(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, wanted %v", what, err, want)
	}
}

func TestTheNumbersAreTheOriginals(t *testing.T) {
	if got := [5]int{RDONLY, RDWR, COPY, EXEC, ANON}; got != [5]int{0, 2, 4, 8, 1} {
		t.Errorf("%v", got)
	}
}

func TestWhatAMappingAllowsIsWhatWasAskedFor(t *testing.T) {
	file := newFile(t, "text")
	for _, c := range []struct {
		prot, flags int
		want        string
	}{
		{RDONLY, 0, "r--s"}, {RDWR, 0, "rw-s"}, {COPY, 0, "rw-p"}, {COPY | RDWR, 0, "rw-p"},
		{EXEC, 0, "r-xs"}, {RDWR | EXEC, 0, "rwxs"}, {COPY | EXEC, 0, "rwxp"},
		{RDONLY, ANON, "r--p"}, {RDWR, ANON, "rw-p"}, {COPY, ANON, "rw-p"}, {RDWR | EXEC, ANON, "rwxp"},
	} {
		m, err := MapRegion(file, 4, c.prot, c.flags, 0)
		succeeds(t, c.want, err)
		if got := permissions(t, m); got != c.want || len(m) != 4 {
			t.Errorf("prot %d, flags %d: %s, %d bytes", c.prot, c.flags, got, len(m))
		}
		succeeds(t, "Flush", m.Flush())
		succeeds(t, "Lock", m.Lock())
		succeeds(t, "Unlock", m.Unlock())
		succeeds(t, "Unmap", m.Unmap())
	}
}

func TestWritingReachesTheFileUnlessItIsACopy(t *testing.T) {
	file := newFile(t, "text")
	for prot, want := range map[int]string{COPY: "text", RDWR: "Text"} {
		m, err := Map(file, prot, 0)
		succeeds(t, "Map", err)
		m[0] = 'T'
		succeeds(t, "Flush", m[:1].Flush())
		if got := contents(t, file); got != want {
			t.Errorf("prot %d: %q", prot, got)
		}
		succeeds(t, "Unmap", m.Unmap())
		os.WriteFile(file.Name(), []byte("text"), 0o600)
	}
}

func TestARegionBeginsAtAnyByteAndIsAsLongAsAsked(t *testing.T) {
	text := strings.Repeat("0123456789", page)
	file := newFile(t, text)
	for _, offset := range []int{0, 1, page - 1, page, 3*page + 7} {
		m, err := MapRegion(file, 100, RDONLY, 0, int64(offset))
		succeeds(t, "MapRegion", err)
		if string(m) != text[offset:offset+100] {
			t.Errorf("offset %d: %q", offset, m)
		}
		succeeds(t, "Unmap", m.Unmap())
	}
	// A negative length is the size of the file, also from an offset on.
	m, err := MapRegion(file, -1, RDONLY, 0, int64(page))
	succeeds(t, "MapRegion", err)
	if len(m) != len(text) || !bytes.HasPrefix(m, []byte(text[page:])) {
		t.Errorf("%d bytes", len(m))
	}
	succeeds(t, "Unmap", m.Unmap())
}

func TestErrorsAreTheOriginals(t *testing.T) {
	file := newFile(t, "text")
	readOnly, err := os.Open(file.Name())
	succeeds(t, "Open", err)
	defer readOnly.Close()
	_, forWriting := Map(readOnly, RDWR, 0)
	_, empty := Map(newFile(t, ""), RDONLY, 0)
	_, nothing := MapRegion(file, 0, RDONLY, 0, 0)
	_, tooLong := MapRegion(file, 1<<62, RDONLY, 0, 0)
	for what, c := range map[string][2]error{
		"for writing": {forWriting, syscall.EACCES}, "an empty file": {empty, syscall.EINVAL},
		"no bytes": {nothing, syscall.EINVAL}, "too long": {tooLong, syscall.ENOMEM},
	} {
		if c[0] != c[1] { // Not errors.Is: programs compare with ==.
			t.Errorf("%s: %#v, wanted %v", what, c[0], c[1])
		}
	}
	for what, call := range map[string]func() (MMap, error){
		"nil":                func() (MMap, error) { return Map(nil, RDONLY, 0) },
		"anonymous, no size": func() (MMap, error) { return Map(nil, RDWR, ANON) },
		"a negative offset":  func() (MMap, error) { return MapRegion(file, 1, RDONLY, 0, -1) },
	} {
		if m, err := call(); m != nil || err == nil {
			t.Errorf("%s: %v, %v", what, m, err)
		}
	}
	readOnly.Close()
	_, err = Map(readOnly, RDONLY, 0)
	wants(t, "a closed file", err, fs.ErrClosed)
}

func TestUnmappingTwiceOrWhatIsNoMappingIsAnError(t *testing.T) {
	m, err := Map(newFile(t, strings.Repeat("x", 2*page)), RDWR, 0)
	succeeds(t, "Map", err)
	part, again := m[page:], m
	wants(t, "a part", part.Unmap(), memmap.ErrInvalid)
	succeeds(t, "Unmap", m.Unmap())
	if m != nil {
		t.Error("it is not nil afterwards")
	}
	strange := MMap(make([]byte, page))
	for what, m := range map[string]MMap{"nil": nil, "twice": again, "Go's memory": strange} {
		for _, err := range []error{m.Flush(), m.Lock(), m.Unlock(), Fault(m), m.Unmap()} {
			wants(t, what, err, ErrClosed)
		}
	}
}

func TestATruncatedFileIsToldByFlushUnmapAndFault(t *testing.T) {
	for _, prot := range []int{RDONLY, RDWR, COPY} {
		file := newFile(t, strings.Repeat("x", 4*page))
		m, err := Map(file, prot, 0)
		succeeds(t, "Map", err)
		succeeds(t, "nothing is lost", Fault(m))
		succeeds(t, "Truncate", file.Truncate(0))
		if m[3*page] != 0 {
			t.Error("something else than zeros")
		}
		part := m[3*page : 3*page+1]
		var lost *FaultError
		if err := Fault(part); !errors.As(err, &lost) || lost.Offset != int64(3*page) {
			t.Errorf("prot %d: %v", prot, err)
		}
		wants(t, "Flush", m.Flush(), ErrFault)
		wants(t, "Flush a part", part.Flush(), ErrFault)
		wants(t, "Unmap", m.Unmap(), ErrFault)
		wants(t, "it is unmapped", part.Flush(), ErrClosed)
	}
}

func TestWhatIsNotUnmappedIsCounted(t *testing.T) {
	before, _ := memmap.GetStats()
	m, err := MapRegion(nil, page, RDWR, ANON, 0)
	succeeds(t, "MapRegion", err)
	during, _ := memmap.GetStats()
	succeeds(t, "Unmap", m.Unmap())
	after, _ := memmap.GetStats()
	if during.Mappings != before.Mappings+1 || after.Mappings != before.Mappings {
		t.Errorf("%d, %d, %d mappings", before.Mappings, during.Mappings, after.Mappings)
	}
}

func TestSuccessDoesNotAllocate(t *testing.T) {
	file := newFile(t, "text")
	allocations := testing.AllocsPerRun(20, func() {
		m, err := Map(file, RDWR, 0)
		if err := errors.Join(err, m.Flush(), m.Lock(), m.Unlock(), Fault(m), m.Unmap()); err != nil {
			t.Error(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
