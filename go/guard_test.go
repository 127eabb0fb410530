package memmap

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
)

// dies runs scenario in a child process, which Go's runtime has to end by a fatal error that says all of
// this. It returns what the child printed.
func dies(t *testing.T, scenario func(t *testing.T), environment []string, said ...string) string {
	t.Helper()
	if isChild(t) {
		scenario(t)
		t.Fatal("it goes on")
	}
	ended := child(t, environment...)
	if ended.status != 2 || strings.Contains(ended.output, "it goes on") {
		t.Errorf("signal %d, exit status %d", ended.signal, ended.status)
	}
	for _, text := range said {
		if !strings.Contains(ended.output, text) {
			t.Errorf("%q is missing", text)
		}
	}
	if t.Failed() {
		t.Log(ended.output)
	}
	return ended.output
}

// foreign maps the file as Go programs do without this package.
func foreign(t testing.TB, path string, size int64) []byte {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	succeeds(t, "OpenFile", err)
	defer file.Close()
	data, err := syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	succeeds(t, "Mmap", err)
	return data
}

func touchAForeignPageThatIsLost(t *testing.T) {
	path, _ := paged(t, 2, nil)
	data := foreign(t, path, 2*page)
	setSize(t, path, 0)
	load(&data[page])
}

func TestAFaultElsewhereIsGosFatalError(t *testing.T) {
	dies(t, touchAForeignPageThatIsLost, nil, "unexpected fault address", "[signal SIGBUS: bus error code=0x2")
}

func TestAFaultElsewhereIsGosPanicIfThatIsWished(t *testing.T) {
	survives(t, func(t *testing.T) {
		debug.SetPanicOnFault(true)
		for range 3 {
			func() {
				defer func() {
					fault, ok := recover().(interface{ Addr() uintptr })
					if !ok || fault.Addr() == 0 {
						t.Error("no panic that tells the address")
					}
				}()
				touchAForeignPageThatIsLost(t)
			}()
		}
		var nowhere *int
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "nil pointer") {
					t.Errorf("a nil pointer is %v", err)
				}
			}()
			fmt.Println(*nowhere)
		}()
		path, m := paged(t, 2, nil) // A page of our own is one as well: it was asked for.
		setSize(t, path, 0)
		if fault, ok := caught(func() { load(&m.Bytes()[page]) }).(faultPanic); !ok || fault.Addr() != address(m.Bytes())+uintptr(page) {
			t.Errorf("%v", fault)
		}
		wants(t, "Fault", m.Fault(), ErrFault)
		debug.SetPanicOnFault(false)
		touchOwnPageThatIsLost(t)
	})
}

func touchOwnPageThatIsLost(t *testing.T) {
	path, m := paged(t, 2, nil)
	setSize(t, path, 0)
	if load(&m.Bytes()[page]) != 0 {
		t.Error("something else than zeros")
	}
	wants(t, "Fault", m.Fault(), ErrFault)
}

func TestNotifyIgnoreStopAndResetLeaveTheGuardInPlace(t *testing.T) {
	survives(t, func(t *testing.T) {
		touchOwnPageThatIsLost(t)
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGBUS)
		touchOwnPageThatIsLost(t)
		signal.Ignore(syscall.SIGBUS)
		touchOwnPageThatIsLost(t)
		signal.Notify(signals, syscall.SIGBUS)
		signal.Stop(signals)
		touchOwnPageThatIsLost(t)
		signal.Reset(syscall.SIGBUS)
		touchOwnPageThatIsLost(t)
		signal.Reset()
		touchOwnPageThatIsLost(t)
		if len(signals) != 0 {
			t.Error("the program received a signal that was the guard's")
		}
	})
}

// What a process sends is no fault, and goes where it went before.
func TestASIGBUSThatIsSentIsNotified(t *testing.T) {
	survives(t, func(t *testing.T) {
		touchOwnPageThatIsLost(t)
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGBUS)
		succeeds(t, "kill", syscall.Kill(os.Getpid(), syscall.SIGBUS))
		if got := <-signals; got != syscall.SIGBUS {
			t.Errorf("%v", got)
		}
	})
}

func TestWithTheGuardOffALostPageIsGosFatalError(t *testing.T) {
	dies(t, touchOwnPageThatIsLost, []string{"MEMMAP_GUARD=off"}, "unexpected fault address", "[signal SIGBUS")
}

func TestWithTheGuardDisabledALostPageIsGosFatalError(t *testing.T) {
	dies(t, func(t *testing.T) {
		succeeds(t, "DisableGuard", DisableGuard())
		succeeds(t, "twice", DisableGuard())
		touchOwnPageThatIsLost(t)
	}, nil, "unexpected fault address", "[signal SIGBUS")
}

func TestDisablingTheGuardAfterTheFirstMappingIsAnError(t *testing.T) {
	survives(t, func(t *testing.T) {
		_, err := Open("/nonexistent/file", nil)
		wants(t, "Open", err, os.ErrNotExist)
		wants(t, "DisableGuard", DisableGuard(), ErrInvalid)
		touchOwnPageThatIsLost(t)
		wants(t, "DisableGuard", DisableGuard(), ErrInvalid)
	})
}

func TestWithTheGuardOffAnEFAULTStaysOne(t *testing.T) {
	if !isChild(t) {
		if ended := child(t, "MEMMAP_GUARD=off"); ended.status != 0 {
			t.Errorf("signal %d, exit status %d\n%s", ended.signal, ended.status, ended.output)
		}
		return
	}
	path, m := paged(t, 2, nil)
	setSize(t, path, 0)
	to, err := os.Create(newFile(t, ""))
	succeeds(t, "Create", err)
	_, err = m.WriteTo(to)
	wants(t, "WriteTo", err, syscall.EFAULT)
	data := foreign(t, newFile(t, "Hello"), 5)
	_, err = Guard(data, nil)
	wants(t, "Guard", err, ErrUnsupported)
}

// ---- Addresses of closed mappings ----

func closedBytes(t *testing.T) (path string, data []byte) {
	path, m := paged(t, 4, nil)
	data = m.Bytes()
	succeeds(t, "Close", m.Close())
	return path, data
}

func TestAnAddressThatWasOursAMomentAgoIsNotOursAnyMore(t *testing.T) {
	dies(t, func(t *testing.T) {
		path, data := closedBytes(t)
		file, err := os.Open(path)
		succeeds(t, "Open", err)
		const fixed = 0x10 // MAP_FIXED
		at, _, errno := syscall.Syscall6(syscall.SYS_MMAP, address(data), uintptr(4*page), syscall.PROT_READ,
			syscall.MAP_SHARED|fixed, file.Fd(), 0)
		if errno != 0 || at != address(data) || load(&data[page]) != 'x' {
			fmt.Println("it can't be mapped there", errno)
			os.Exit(1)
		}
		setSize(t, path, 0)
		load(&data[page])
	}, nil, "unexpected fault address", "[signal SIGBUS")
}

func TestAStaleSliceDiesAsEverAndPoisonSaysOfWhat(t *testing.T) {
	output := dies(t, func(t *testing.T) {
		succeeds(t, "PoisonClosed", PoisonClosed(1<<30))
		_, data := closedBytes(t)
		load(&data[page+7])
	}, nil, "unexpected fault address", "[signal SIGSEGV", "libmemmap: use after close: 0x")
	if want := fmt.Sprintf("is byte %d of a mapping of %d bytes", page+7, 4*page); !strings.Contains(output, want) {
		t.Errorf("%q is missing in\n%s", want, output)
	}
}

func TestPoisonLeavesGosOwnPanicsAlone(t *testing.T) {
	survives(t, func(t *testing.T) {
		wants(t, "PoisonClosed", PoisonClosed(-1), ErrInvalid)
		succeeds(t, "PoisonClosed", PoisonClosed(1<<30))
		defer func() {
			if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "nil pointer") {
				t.Errorf("a nil pointer is %v", err)
			}
			succeeds(t, "PoisonClosed", PoisonClosed(0))
		}()
		var nowhere *byte
		load(nowhere)
	})
}
