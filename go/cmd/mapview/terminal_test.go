package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"libmemmap/memmap/internal/programtest"
)

// A terminal is a pseudoterminal with a program in it: what the program writes is read from it, and what is
// written to it are keys.
type terminal struct {
	keys *os.File
	c    *exec.Cmd
}

func ioctl(t *testing.T, fd uintptr, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument)); errno != 0 {
		t.Fatal(errno)
	}
}

func inTerminal(t *testing.T, columns uint16, c *exec.Cmd) terminal {
	t.Helper()
	fd, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		programtest.Skip(t, "no pseudoterminal can be had: %v", err)
	}
	keys := os.NewFile(uintptr(fd), "terminal")
	t.Cleanup(func() { keys.Close() })
	var unlocked, number int32
	ioctl(t, uintptr(fd), syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	ioctl(t, uintptr(fd), syscall.TIOCGPTN, unsafe.Pointer(&number))
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		programtest.Skip(t, "no pseudoterminal can be had: %v", err)
	}
	defer screen.Close()
	window := [4]uint16{24, columns}
	ioctl(t, uintptr(fd), syscall.TIOCSWINSZ, unsafe.Pointer(&window))
	c.Stdin, c.Stdout, c.Stderr = screen, screen, screen
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	return terminal{keys, c}
}

// until reads what the program writes up to a text, or to its end.
func (term terminal) until(text string) string {
	var all strings.Builder
	for p := make([]byte, 4096); text == "" || !strings.Contains(all.String(), text); {
		n, err := term.keys.Read(p)
		all.Write(p[:n])
		if err != nil { // EIO, when the program has ended.
			break
		}
	}
	return all.String()
}

func TestInATerminalABarHasItsWidth(t *testing.T) {
	path := newFile(t)
	for _, columns := range []uint16{20, 100, 300} {
		term := inTerminal(t, columns, command(path))
		out := term.until("")
		term.c.Wait()
		lines := strings.Split(out, "\r\n")
		if want := min(int(columns), pages+2); len(lines) < 2 || len([]rune(lines[1])) != want {
			t.Errorf("no bar of %d columns in\n%s", want, out)
		}
	}
}

func TestProgressIsDrawnOverItselfAndWiped(t *testing.T) {
	term := inTerminal(t, 60, command("-prefault", newFile(t)))
	out := term.until("")
	if err := term.c.Wait(); err != nil {
		t.Error(err)
	}
	shows(t, out, "before  [", "\r\x1b[Kprefault[", "  0% 0 bytes", "\r\x1b[Kafter   ["+strings.Repeat("█", 50)+"]")
}

func TestADumbTerminalGetsNoProgress(t *testing.T) {
	c := command("-prefault", newFile(t))
	c.Env = append(c.Env, "TERM=dumb")
	term := inTerminal(t, 60, c)
	out := term.until("")
	if err := term.c.Wait(); err != nil {
		t.Error(err)
	}
	shows(t, out, "before  [", "after   [")
	if strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
}

func TestATerminalGetsNoColours(t *testing.T) {
	term := inTerminal(t, 60, command("-prefault", newFile(t)))
	out := term.until("")
	term.c.Wait()
	if colour := regexp.MustCompile(`\x1b\[[0-9;]*m`).FindString(out); colour != "" {
		t.Errorf("%q in %q", colour, out)
	}
}

func TestCtrlCStopsPrefaulting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	err := os.WriteFile(path, nil, 0o600)
	if err == nil {
		err = os.Truncate(path, 32<<30) // A hole takes no disk, and more time to bring in than a key needs.
	}
	if err != nil {
		programtest.Skip(t, "no file of 32 GiB: %v", err)
	}
	term := inTerminal(t, 60, command("-prefault", path))
	out := term.until("prefault[")
	if _, err := term.keys.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	out += term.until("")
	term.c.Wait()
	if status := term.c.ProcessState.ExitCode(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	shows(t, out, "after   [", "mapview: "+path+": interrupted after ", " of 32 GiB")
}
