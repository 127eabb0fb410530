package compat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A published module that imports mmap-go, and whose tests map files by it: storage that other modules
// (modernc.org/file, modernc.org/db) are built on.
const dependent = "modernc.org/internal@v1.1.12"

func TestOneReplaceLineMovesAModuleAndItsTestsStayGreen(t *testing.T) {
	folder := published(t, dependent)
	before := succeeds(t, folder, "go", "test", "-count=1", "./...")
	mod := read(t, folder, "go.mod")

	succeeds(t, folder, "go", "mod", "edit", "-replace", mmapGo+"="+dropIn(t, mmapGo))

	after := succeeds(t, folder, "go", "test", "-race", "-count=1", "./...")
	if lines(before) != lines(after) || lines(after) == 0 {
		t.Errorf("before\n%safter\n%s", before, after)
	}
	if added := strings.TrimSpace(strings.Replace(read(t, folder, "go.mod"), mod, "", 1)); lines(added+"\n") != 1 {
		t.Errorf("it took more than one line:\n%s", added)
	}
	// What was tested has the library in it, and not the original.
	succeeds(t, folder, "go", "test", "-c", "-o", "program", "./file")
	symbols := succeeds(t, folder, "go", "tool", "nm", "program")
	if !strings.Contains(symbols, " memmap_from_fd\n") || strings.Contains(symbols, "golang.org/x/sys/unix.Mmap") {
		t.Error("the tests ran on something else")
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func lines(text string) int { return strings.Count(text, "\n") }

// A program may use the library itself beside a dependency that was moved: there is one library then.
func TestAMovedDependencyGetsAlongWithTheLibraryItself(t *testing.T) {
	folder := t.TempDir()
	program := `package main

import (
	"fmt"
	"log"
	"os"

	theirs "github.com/edsrzf/mmap-go"
	"libmemmap/memmap"
)

func main() {
	file, err := os.Open("go.mod")
	if err != nil {
		log.Fatal(err)
	}
	m, err := theirs.Map(file, theirs.RDONLY, 0)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := memmap.BasicMmap("go.mod"); err != nil {
		log.Fatal(err)
	}
	stats, err := memmap.GetStats()
	fmt.Println(stats.Mappings, err, m.Unmap())
}
`
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	succeeds(t, folder, "go", "mod", "init", "example")
	succeeds(t, folder, "go", "mod", "edit", "-require", version(t, mmapGo), "-replace", mmapGo+"="+dropIn(t, mmapGo),
		"-require", "libmemmap/memmap@v0.0.0", "-replace", "libmemmap/memmap="+root(t)+"/go")
	if said := succeeds(t, folder, "go", "run", "-mod=mod", "."); !strings.HasSuffix(said, "2 <nil> <nil>\n") {
		t.Errorf("it said %q", said)
	}
}
