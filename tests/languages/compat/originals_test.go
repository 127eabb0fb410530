package compat

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// passed is which tests of `go test -v` have passed.
func passed(output string) []string {
	var names []string
	for line := range strings.Lines(output) {
		if name, ok := strings.CutPrefix(line, "--- PASS: "); ok {
			name, _, _ = strings.Cut(name, " ")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestMmapGosOwnTestsPass(t *testing.T) {
	folder := dropIn(t, mmapGo)
	output := succeeds(t, folder, "go", "test", "-race", "-count=1", "-v", "-skip=^TestNonZeroOffset$", ".")
	wanted := []string{"ExampleMapRegion", "TestAnonymousMapping", "TestFlags", "TestProtFlagsAndErr", "TestReadWrite", "TestUnmap"}
	if names := passed(output); !slices.Equal(names, wanted) {
		t.Errorf("what passed are %v\n%s", names, output)
	}
}

// Their TestNonZeroOffset ends by asking that a region whose offset is no multiple of the page size be an
// error. Here it is mapped: the library aligns what the kernel wants aligned, and a program that was refused
// before has no use that this could break. Everything else in the test has to hold, so that line has to be
// all that it complains of.
func TestMmapGosTestOfOffsetsFailsOnlyWhereWeMapMore(t *testing.T) {
	folder := dropIn(t, mmapGo)
	ended := run(t, folder, "go", "test", "-race", "-count=1", "-v", "-run=^TestNonZeroOffset$", ".")
	var complaints []string
	for line := range strings.Lines(ended.output) {
		if strings.Contains(line, "mmap_test.go:") {
			_, complaint, _ := strings.Cut(strings.TrimSpace(line), ": ")
			complaints = append(complaints, complaint)
		}
	}
	wanted := []string{"expect error because offset is not multiple of page size"}
	if ended.status != 1 || !slices.Equal(complaints, wanted) {
		t.Errorf("status %d, %q\n%s%s", ended.status, complaints, ended.output, ended.complaints)
	}
}

func TestExpMmapsOwnTestsPass(t *testing.T) {
	folder := filepath.Join(dropIn(t, exp), "mmap")
	output := succeeds(t, folder, "go", "test", "-race", "-count=1", "-v", ".")
	if names := passed(output); !slices.Equal(names, []string{"TestOpen"}) {
		t.Errorf("what passed are %v\n%s", names, output)
	}
}

// What programs compare: the texts of errors, and what they count as.
const sayings = `package mmap

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestSayings(t *testing.T) {
	var r *ReaderAt
	read := func(size int, off int64) {
		n, err := r.ReadAt(make([]byte, size), off)
		t.Log(size, off, "are", n, err)
	}
	at := func(i int) {
		defer func() { t.Log("At", i, "is", recover()) }()
		t.Log(r.At(i))
	}
	all := func() {
		for _, size := range []int{0, 1, 4} {
			for _, off := range []int64{-1, 0, 1, 2, 3, 4, 1 << 62, -1 << 63} {
				read(size, off)
			}
		}
		for _, i := range []int{-1, 0, 2, 3, 4} {
			at(i)
		}
		t.Log(r.Len())
	}
	for _, text := range []string{"abc", ""} {
		os.WriteFile("file", []byte(text), 0o600)
		var err error
		if r, err = Open("file"); err != nil {
			t.Fatal(err)
		}
		all()
		t.Log(r.Close(), r.Close())
		all()
	}
	r = new(ReaderAt)
	all()
	t.Log(r.Close())
	for _, name := range []string{"none", "", "file/none", "a\x00b"} {
		_, err := Open(name)
		var full *fs.PathError
		t.Log(err, errors.As(err, &full), os.IsNotExist(err), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EINVAL))
	}
	_, err := Open(".")
	t.Log(errors.Is(err, syscall.ENODEV))
}
`

// said is what sayings log in the folder of a package.
func said(t *testing.T, folder string) []string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "sayings_test.go"), []byte(sayings), 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := range strings.Lines(succeeds(t, folder, "go", "test", "-count=1", "-v", "-run=^TestSayings$", ".")) {
		if _, text, ok := strings.Cut(line, "sayings_test.go:"); ok {
			said = append(said, text)
		}
	}
	return said
}

func TestExpMmapsErrorsSayTheSame(t *testing.T) {
	ours := said(t, filepath.Join(dropIn(t, exp), "mmap"))
	theirs := said(t, filepath.Join(published(t, version(t, exp)), "mmap"))
	if len(theirs) < 100 || len(ours) != len(theirs) {
		t.Fatalf("%d and %d lines", len(ours), len(theirs))
	}
	for i := range theirs {
		if ours[i] != theirs[i] {
			t.Errorf("ours: %stheirs: %s", ours[i], theirs[i])
		}
	}
}
