package compat

import (
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
		t.Errorf("status %d, %q\n%s", ended.status, complaints, ended.output)
	}
}

func TestExpMmapsOwnTestsPass(t *testing.T) {
	folder := filepath.Join(dropIn(t, exp), "mmap")
	output := succeeds(t, folder, "go", "test", "-race", "-count=1", "-v", ".")
	if names := passed(output); !slices.Equal(names, []string{"TestOpen"}) {
		t.Errorf("what passed are %v\n%s", names, output)
	}
}
