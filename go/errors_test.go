package memmap

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a program asks of errors that it has from package os.
func TestErrorsAreOfTheKindsThatTheStandardLibraryHas(t *testing.T) {
	closed := open(t, newFile(t, "Hello"), nil)
	closed.Close()
	_, missing := Open(filepath.Join(t.TempDir(), "none"), nil)
	locked := open(t, newFile(t, "Hello"), writable)
	other := open(t, locked.path, writable)
	succeeds(t, "TryLockRange", other.TryLockRange(0, 1, LockExclusive))
	for _, c := range []struct {
		what string
		err  error
		kind error
	}{
		{"no file", missing, fs.ErrNotExist},
		{"closed", closed.Flush(), fs.ErrClosed},
		{"closed", closed.Flush(), os.ErrClosed},
		{"no access", open(t, newFile(t, "Hello"), nil).Fill(0, 1, 1), fs.ErrPermission},
		{"no meaning", closed.refused("resize", ErrInvalid), fs.ErrClosed},
		{"no meaning", new(Map).Close(), os.ErrInvalid},
		{"no file to flush to", anonymous(t, 1, nil).Flush(), errors.ErrUnsupported},
		{"the guard is off", &Error{"guard", "", errGuardOff}, errors.ErrUnsupported},
		{"locked by somebody else", locked.TryLockRange(0, 1, LockExclusive), os.ErrDeadlineExceeded},
		{"locked by somebody else", locked.TryLockRange(0, 1, LockExclusive), ErrTimeout},
	} {
		wants(t, c.what, c.err, c.kind)
		wants(t, c.what, fmt.Errorf("mine: %w", c.err), c.kind)
	}
}

func TestATimeoutIsOneForWhoAsksForItsMethod(t *testing.T) {
	late := &Error{"lock", "file", ErrTimeout}
	var asked interface{ Timeout() bool }
	if !os.IsTimeout(late) || !errors.As(fmt.Errorf("mine: %w", late), &asked) || !asked.Timeout() {
		t.Errorf("%v is no timeout", late)
	}
	if !os.IsTimeout(&Error{"flush", "file", syscall.ETIMEDOUT}) {
		t.Error("nor is the system's")
	}
	for _, err := range []error{ErrBusy, ErrUnsupported, syscall.EIO, errors.New("mine"), nil} {
		if os.IsTimeout(&Error{"flush", "file", err}) {
			t.Errorf("%v is a timeout", err)
		}
	}
}

func TestAnErrorIsAPathErrorForWhoAsksForOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, missing := Open(path, nil)
	for op, err := range map[string]error{"open": missing, "close": &Error{"close", path, ErrClosed}} {
		var full *fs.PathError
		if !errors.As(fmt.Errorf("mine: %w", err), &full) || full.Op != op || full.Path != path {
			t.Errorf("%v is %v", err, full)
		}
		var ours *Error
		if !errors.As(err, &ours) || full.Err != ours.Err || errors.As(err, new(*os.LinkError)) {
			t.Errorf("%v is %v", err, ours)
		}
	}
}

// What a terminal obeys, what looks like a line of somebody else's, and what is as people write names.
func TestANameInAnErrorIsQuotedWhereItHasTo(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, want := range map[string]string{
		"plain":      "plain",
		"a b: Größe": "a b: Größe",
		long:         long,
		"a\nb":       `"a\nb"`,
		"\x1b[2J":    `"\x1b[2J"`,
		"\xff":       `"\xff"`,
		"\u202egpj":  `"\u202egpj"`,
		`"a"`:        `"\"a\""`,
	} {
		_, err := Open(name, nil)
		reason := err.(*Error).Err
		if text := err.Error(); text != "memmap: open "+want+": "+reason.Error() {
			t.Errorf("%q: %s", name, text)
		}
		if path := err.(*Error).Path; path != name {
			t.Errorf("the path is %q", path)
		}
	}
}

func TestTheAddressOfAPeerForgesNoLine(t *testing.T) {
	address := net.UnixAddr{Name: filepath.Join(t.TempDir(), "\x1b[2J\nmemmap: all is well"), Net: "unix"}
	listener, err := net.ListenUnix("unix", &address)
	succeeds(t, "ListenUnix", err)
	defer listener.Close()
	conn, err := net.DialUnix("unix", nil, &address)
	succeeds(t, "DialUnix", err)
	defer conn.Close()
	succeeds(t, "SetReadDeadline", conn.SetReadDeadline(time.Unix(1, 0)))
	_, err = Receive(conn, nil)
	wants(t, "Receive", err, os.ErrDeadlineExceeded)
	if text := err.Error(); strings.ContainsAny(text, "\x1b\n") || !strings.Contains(text, "all is well") {
		t.Errorf("%q", text)
	}
}

func TestALeaksReportIsQuoted(t *testing.T) {
	leaked := &origin{listed: listed{path: "a\nb\x1b[2J\xff"}}
	if text := leaked.report(); !strings.Contains(text, `"a\nb\x1b[2J\xff"`) {
		t.Error(text)
	}
}
