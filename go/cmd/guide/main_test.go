package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

var program string

func TestMain(m *testing.M) { programtest.Main(m, "guide", &program) }

// guide runs the program and checks its exit status.
func guide(t *testing.T, status int, args ...string) (stdout, stderr string) {
	t.Helper()
	return programtest.Run(t, status, programtest.Command(program, args...))
}

var shows = programtest.Shows

func newFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contains(t *testing.T, path, want string) {
	t.Helper()
	if text, err := os.ReadFile(path); err != nil || string(text) != want {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestAFileIsShownAndLeftAsItIs(t *testing.T) {
	path := newFile(t, "Hello, mmap\x00\xff")
	out, _ := guide(t, 0, path)
	shows(t, out, path+", 13 bytes", "all of them the same",
		"00000000  48 65 6c 6c 6f 2c 20 6d  6d 61 70 00 ff           |Hello, mmap..|", "unmapMemory     done")
	contains(t, path, "Hello, mmap\x00\xff")
}

func TestTheFirstBytesAreShownAsHexdumpDoes(t *testing.T) {
	hexdump, err := exec.LookPath("hexdump")
	if err != nil {
		programtest.Skip(t, "there is no hexdump")
	}
	var text []byte
	for i := range 128 {
		text = append(text, byte(i*2))
	}
	path := newFile(t, string(text))
	want, err := exec.Command(hexdump, "-C", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := guide(t, 0, path)
	shows(t, out, strings.TrimSuffix(string(want), "00000080\n"))
}

func TestWritingGoesToTheOffset(t *testing.T) {
	path := newFile(t, strings.Repeat(".", 400))
	out, _ := guide(t, 0, "-write", "Hello", "-at", "300", path)
	shows(t, out, "writeToMmap     5 bytes at offset 300, on the device", `the file has "Hello" at offset 300`,
		"00000120  2e 2e 2e 2e 2e 2e 2e 2e  2e 2e 2e 2e 48 65 6c 6c  |............Hell|",
		"00000130  6f 2e 2e 2e 2e 2e 2e 2e  2e 2e 2e 2e 2e 2e 2e 2e  |o...............|")
	contains(t, path, strings.Repeat(".", 300)+"Hello"+strings.Repeat(".", 95))

	guide(t, 0, "-write", "start", path)
	guide(t, 0, "-write", "end", "-at", "397", path)
	contains(t, path, "start"+strings.Repeat(".", 295)+"Hello"+strings.Repeat(".", 92)+"end")
}

func TestCreatingMakesZeros(t *testing.T) {
	path := newFile(t, "old")
	out, _ := guide(t, 0, "-create", "20", "-write", "new", "-at", "1", path)
	shows(t, out, "createMmapFile  "+path+", 20 bytes", "all of them zero")
	contains(t, path, "\x00new"+strings.Repeat("\x00", 16))
	out, _ = guide(t, 0, "-create", "0", path)
	shows(t, out, path+", 0 bytes")
	contains(t, path, "")
}

func TestWithoutAFileItMakesOneAndRemovesIt(t *testing.T) {
	for _, args := range [][]string{nil, {"-write", "Hello"}, {"-create", "5"}} {
		out, _ := guide(t, 0, args...)
		named := regexp.MustCompile(`using (\S+), removed again`).FindStringSubmatch(out)
		if named == nil {
			t.Fatalf("it does not say which file:\n%s", out)
		}
		if _, err := os.Stat(filepath.Dir(named[1])); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", named[1])
		}
	}
}

func TestFailuresSayWhyAndExitWithOne(t *testing.T) {
	path := newFile(t, "Hello")
	folder := filepath.Dir(path)
	fifo := filepath.Join(folder, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"no such file or directory", []string{path + ".missing"}},
		{"not a regular file", []string{folder}},
		{"not a regular file", []string{fifo}},
		{"6 bytes at offset 0 don't fit: " + path + " has 5 bytes; nothing was written", []string{"-write", "Hello!", path}},
		{"1 bytes at offset 5 don't fit", []string{"-write", "!", "-at", "5", path}},
		{"offset 6 is past the end", []string{"-write", "!", "-at", "6", path}},
		{"limit of the system or the options reached", []string{"-create", "9223372036854775807", path}},
		{"no such file or directory", []string{"-create", "1", filepath.Join(folder, "missing", "file")}},
	} {
		_, errs := guide(t, 1, c.args...)
		shows(t, errs, "guide: ", c.want)
	}
	contains(t, path, "Hello")
}

func TestWrongUseSaysWhyAndExitsWithTwo(t *testing.T) {
	path := newFile(t, "Hello")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"one file at a time", []string{path, path}},
		{"one file at a time", []string{path, "-write", "x"}},
		{"the name of the file is empty", []string{""}},
		{"-create takes a size", []string{"-create", "-1", path}},
		{"invalid value", []string{"-create", "big", path}},
		{"invalid value", []string{"-create", "9223372036854775808", path}},
		{"-write takes a text", []string{"-write", "", path}},
		{"-at takes an offset", []string{"-write", "x", "-at", "-1", path}},
		{"needs -write", []string{"-at", "1", path}},
		{"not defined: -bogus", []string{"-bogus", path}},
	} {
		out, errs := guide(t, 2, c.args...)
		shows(t, errs, "guide: ", c.want, "guide --help shows the usage")
		if out != "" {
			t.Errorf("it went on:\n%s", out)
		}
	}
	contains(t, path, "Hello")
}

func TestHelpAndVersionArePrintedWithStatusZero(t *testing.T) {
	programtest.HelpAndVersion(t, program, "Usage: guide [", "-create SIZE", "-write TEXT", "-at OFFSET")
}

func TestTheOutputHasNoEscapeSequences(t *testing.T) {
	out, _ := guide(t, 0, "-write", "\x1b[31m", "-create", "10", filepath.Join(t.TempDir(), "file"))
	if strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
}

// What a terminal obeys, and what looks like a line of somebody else's.
func TestANameIsShownQuoted(t *testing.T) {
	for _, name := range []string{"a\nb", "\x1b[2J", "\xff", strings.Repeat("\n", 200)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("Hello"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := guide(t, 0, path)
		shows(t, out, "basicMmap       "+strconv.Quote(path)+", 5 bytes\n")
		_, errs := guide(t, 1, path+"\n")
		shows(t, errs, strconv.Quote(path+"\n")+": ")
		_, wrong := guide(t, 2, "-"+name)
		if strings.Count(errs, "\n") != 1 || strings.Count(wrong, "\n") != 2 || strings.ContainsAny(out+errs+wrong, "\x1b\xff") {
			t.Errorf("%q\n%q\n%q", out, errs, wrong)
		}
	}
}
