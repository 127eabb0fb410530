package compat

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The programs of go/examples in two builds each, which differ by the import alone.

const page = 64 << 10 // Or a multiple of it.

// A session is a program that is asked once, has its file truncated, and is asked again until it ends.
type session struct {
	program  string
	ours     string // What it imports,
	theirs   string // and what that stands in for.
	contents []byte
	before   string // Asked before the truncation, and answered by a line,
	greeting string // which is this one.
	after    string
}

// ends is how the program at path ends.
func (s session) ends(t *testing.T, path string) ending {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, s.contents, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, file)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(in, s.before)
	answers := bufio.NewReader(out)
	if line, err := answers.ReadString('\n'); line != s.greeting || err != nil {
		t.Errorf("it said %q, %v", line, err)
	}
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(in, s.after) // It may be dead by the end of this.
	in.Close()
	io.Copy(io.Discard, answers)
	c.Wait()
	return ending{complaints: complaints.String(), status: c.ProcessState.ExitCode()}
}

func (s session) test(t *testing.T, original string) {
	folder := t.TempDir()
	ours, theirs := filepath.Join(folder, "ours"), filepath.Join(folder, "theirs")
	// Go's cache does not look into the library; with the folder in it, this is a program that it doesn't know.
	succeeds(t, root(t)+"/go", "go", "build", "-ldflags=-X main.folder="+folder, "-o", ours, "./examples/"+s.program)
	text := read(t, root(t), "go/examples/"+s.program+"/main.go")
	other := strings.Replace(text, s.ours, s.theirs, 1)
	if other == text {
		t.Fatal("it does not import the drop-in")
	}
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	succeeds(t, folder, "go", "mod", "init", "example")
	succeeds(t, folder, "go", "mod", "edit", "-go=1.24")
	succeeds(t, folder, "go", "get", original)
	succeeds(t, folder, "go", "build", "-o", theirs, ".")

	if ended := s.ends(t, theirs); ended.status == 1 || !strings.Contains(ended.complaints, "SIGBUS") {
		t.Errorf("theirs ends by %d\n%s", ended.status, ended.complaints)
	}
	if ended := s.ends(t, ours); ended.status != 1 || !strings.Contains(ended.complaints, "are lost") {
		t.Errorf("ours ends by %d\n%s", ended.status, ended.complaints)
	}
}

func TestAnIndexThatIsTruncatedIsAnError(t *testing.T) {
	var index []byte
	for key := range uint64(page) {
		index = binary.LittleEndian.AppendUint64(index, key)
		index = binary.LittleEndian.AppendUint64(index, key*key)
	}
	session{
		program:  "index",
		ours:     `"libmemmap/memmap/compat/expmmap"`,
		theirs:   `"golang.org/x/exp/mmap"`,
		contents: index,
		before:   "12\n", greeting: "12 144\n",
		after: strings.Repeat("7\n65000\n1\n", 1000),
	}.test(t, version(t, exp))
}

func TestALogThatIsTruncatedIsAnError(t *testing.T) {
	session{
		program:  "logs",
		ours:     `"libmemmap/memmap/compat/mmapgo"`,
		theirs:   `"github.com/edsrzf/mmap-go"`,
		contents: bytes.Repeat([]byte("all is well\n"), page),
		greeting: fmt.Sprintln(12*page, "bytes"),
		after:    "well\n",
	}.test(t, version(t, mmapGo))
}
