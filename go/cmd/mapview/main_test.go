package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

var program string

func TestMain(m *testing.M) { programtest.Main(m, "mapview", &program) }

// command is the program, in a locale and with a width that the test knows.
func command(args ...string) *exec.Cmd {
	c := programtest.Command(program, args...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "COLUMNS=42")
	return c
}

// mapview runs the program and checks its exit status.
func mapview(t *testing.T, status int, args ...string) (stdout, stderr string) {
	t.Helper()
	return programtest.Run(t, status, command(args...))
}

var shows = programtest.Shows

const pages = 160 // Four for each cell of a bar of 40.

// newFile makes a file of so many pages and a byte.
func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, (pages-1)*pageSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bar(cells string, times int) string { return "[" + strings.Repeat(cells, times) + "]\n" }

// evicted makes a file of which nothing is in memory, where that is possible.
func evicted(t *testing.T) string {
	t.Helper()
	path := newFile(t)
	var fs syscall.Statfs_t
	const tmpfs = 0x01021994
	if err := syscall.Statfs(path, &fs); err != nil || fs.Type == tmpfs {
		programtest.Skip(t, "the folder is in memory, which nothing is evicted from")
	}
	mapview(t, 0, "-evict", path)
	return path
}

// keep brings so many pages of a file in and locks them: what is not locked, the kernel may drop at any time.
func keep(t *testing.T, path string, first, count int64) (release func()) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const random = 1 // POSIX_FADV_RANDOM: nothing is read ahead.
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, random, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	for page := first; page < first+count; page++ {
		if _, err := file.ReadAt(make([]byte, 1), page*pageSize); err != nil {
			t.Fatal(err)
		}
	}
	memory, err := syscall.Mmap(int(file.Fd()), first*pageSize, int(count*pageSize), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	release = func() { syscall.Munmap(memory) }
	if err := errors.Join(syscall.Madvise(memory, syscall.MADV_RANDOM), syscall.Mlock(memory)); err != nil {
		release()
		t.Fatal(err)
	}
	return release
}

func TestEvictingAndPrefaultingAreShownBeforeAndAfter(t *testing.T) {
	path := evicted(t)
	out, errs := mapview(t, 0, path)
	shows(t, out, path+": ", fmt.Sprintf(", %d pages of %s\n", pages, size(pageSize)), bar("·", 40),
		fmt.Sprintf("0 of %d pages in memory, 0 bytes of ", pages), "(0.0%)")
	all := int64((pages-1)*pageSize + 1)
	full := fmt.Sprintf("%d of %d pages in memory, %s of %s (100.0%%)\n", pages, pages, size(all), size(all))
	out, errs2 := mapview(t, 0, "-prefault", path)
	shows(t, out, "before  "+bar("·", 32), "after   "+bar("█", 32)+"        "+full)
	release := keep(t, path, 0, pages)
	out, errs3 := mapview(t, 0, path)
	shows(t, out, bar("█", 40)+full)
	release()
	out, errs4 := mapview(t, 0, "-evict", path)
	shows(t, out, "before  [", "after   "+bar("·", 32)) // Released, some may have gone by themselves.
	if all := errs + errs2 + errs3 + errs4; all != "" {
		t.Error(all)
	}
	if strings.ContainsAny(out, "\r\x1b") {
		t.Errorf("control characters where there is no terminal: %q", out)
	}
}

func TestABarShowsWhichPartsAreThere(t *testing.T) {
	path := evicted(t)
	defer keep(t, path, 80, 40)() // The third quarter.
	out, _ := mapview(t, 0, path)
	want := "[" + strings.Repeat("·", 20) + strings.Repeat("█", 10) + strings.Repeat("·", 10) + "]\n"
	shows(t, out, want, fmt.Sprintf("40 of %d pages in memory", pages), "(25.0%)")

	for columns := range 60 { // However the pages are divided, each is counted once.
		c := command(path)
		c.Env = append(c.Env, fmt.Sprint("COLUMNS=", columns))
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		shows(t, string(out), fmt.Sprintf("40 of %d pages in memory", pages))
	}
	c := command(path)
	c.Env = append(c.Env, "LC_ALL=C", "COLUMNS=10")
	plain, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	shows(t, string(plain), "[....##..]\n")
}

func TestACellIsFullOnlyWhenAllOfItIsThere(t *testing.T) {
	blocks := []string{"·", "░", "▒", "▓", "█"}
	for there, want := range map[int64]string{0: "·", 1: "░", 333: "░", 334: "▒", 500: "▒", 667: "▓", 999: "▓", 1000: "█"} {
		if got := cell(blocks, there, 1000); got != want {
			t.Errorf("%d of 1000 is %q, wanted %q", there, got, want)
		}
	}
}

func TestSizesAreReadable(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB",
		1 << 20: "1 MiB", 5 << 30: "5 GiB", 1<<63 - 1: "8 EiB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d is %q, wanted %q", bytes, got, want)
		}
	}
}

func TestAFileOfOnePageAndOneOfNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for text, want := range map[string]string{"": "[]\n0 of 0 pages", "x": "[█]\n1 of 1 pages in memory, 1 bytes of 1 bytes (100.0%)"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := mapview(t, 0, path)
		shows(t, out, want)
		mapview(t, 0, "-evict", path)
		mapview(t, 0, "-prefault", path)
	}
}

func TestOneFileThatFailsDoesNotKeepTheOthersFromBeingShown(t *testing.T) {
	path := newFile(t)
	folder := filepath.Dir(path)
	out, errs := mapview(t, 1, path+".missing", path, folder)
	shows(t, out, path+": ")
	shows(t, errs, "mapview: memmap: open "+path+".missing: no such file or directory\n",
		"mapview: memmap: open "+folder+": not a regular file")
}

func TestWrongUseSaysWhyAndExitsWithTwo(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"which file?", nil},
		{"which file?", []string{"-evict"}},
		{"one of them", []string{"-evict", "-prefault", "file"}},
		{"not defined: -bogus", []string{"-bogus", "file"}},
	} {
		out, errs := mapview(t, 2, c.args...)
		shows(t, errs, "mapview: ", c.want, "mapview --help shows the usage")
		if out != "" {
			t.Errorf("it went on:\n%s", out)
		}
	}
}

func TestHelpAndVersionArePrintedWithStatusZero(t *testing.T) {
	programtest.HelpAndVersion(t, program, "Usage: mapview [", "-prefault", "-evict", "COLUMNS")
}

func TestAFileOfSomebodyElseIsNoted(t *testing.T) {
	if os.Getuid() != 0 {
		programtest.Skip(t, "becoming somebody else needs root")
	}
	path := newFile(t)
	if err := errors.Join(os.Chmod(path, 0o644), os.Chmod(program, 0o755)); err != nil {
		t.Fatal(err)
	}
	for folder := filepath.Dir(path); folder != os.TempDir() && len(folder) > 1; folder = filepath.Dir(folder) {
		os.Chmod(folder, 0o755)
	}
	os.Chmod(filepath.Dir(program), 0o755)
	c := command(path)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	shows(t, string(out), "note: you may not write this file and do not own it")
	own, _ := mapview(t, 0, path)
	if strings.Contains(own, "note:") {
		t.Errorf("noted of an own file:\n%s", own)
	}
}

// What a terminal obeys, and what looks like a line of somebody else's.
func TestANameIsShownQuoted(t *testing.T) {
	for _, name := range []string{"a\nb", "\x1b[2J", "\xff", strings.Repeat("\n", 200)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("Hello"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := mapview(t, 0, path)
		shows(t, out, strconv.Quote(path)+": 5 bytes, ")
		_, errs := mapview(t, 1, path+"\n", path+"\n")
		_, wrong := mapview(t, 2, "-"+name)
		shows(t, errs, strconv.Quote(path+"\n")+": ")
		if strings.Count(errs, "\n") != 2 || strings.Count(wrong, "\n") != 2 || strings.ContainsAny(out+errs+wrong, "\x1b\xff") {
			t.Errorf("%q\n%q\n%q", out, errs, wrong)
		}
	}
}
