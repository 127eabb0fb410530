package memmap

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"
)

// standIns runs f, and checks that so many stand-in pages were put anywhere meanwhile.
func standIns(t *testing.T, what string, want uint32, f func()) {
	t.Helper()
	before := stoodIn.Load()
	f()
	if n := stoodIn.Load() - before; n != want {
		t.Errorf("%s: %d stand-ins, wanted %d", what, n, want)
	}
}

func TestAViewIsLeftAtTheFirstLostByte(t *testing.T) {
	for _, before := range []bool{false, true} {
		path, m := paged(t, 4, writable)
		setSize(t, path, page)
		debug.SetPanicOnFault(before)
		lost := FaultError{page, 3 * page, CauseTruncated}
		standIns(t, "View", 0, func() {
			for range 3 {
				reached, unwound := 0, false
				err := m.View(func(data []byte) error {
					defer func() { unwound = true }()
					for i := int64(0); ; i += page {
						load(&data[i])
						reached++
					}
				})
				wantsLost(t, "View", err, lost)
				if reached != 1 || !unwound {
					t.Errorf("%d pages read, unwound: %v", reached, unwound)
				}
			}
		})
		if debug.SetPanicOnFault(false) != before {
			t.Errorf("SetPanicOnFault was %v before, and is not now", before)
		}
		wantsLost(t, "Fault", m.Fault(), lost)
		wants(t, "Check", m.Check(2*page, 1), ErrFault)
		succeeds(t, "Check", m.Check(0, page))
		if n := m.underWay(); n != 0 {
			t.Errorf("%#x are under way", n)
		}
		setSize(t, path, 4*page)
		succeeds(t, "Recover", m.Recover())
		succeeds(t, "View", m.View(func(data []byte) error { load(&data[3*page]); return nil }))
		succeeds(t, "Close", m.Close())
	}
}

// Calls that read or write by themselves put no stand-in page either, so that no later reader finds its zeros.
func TestNoCallPutsAStandInPage(t *testing.T) {
	buffer := make([]byte, 4*page)
	for what, use := range map[string]func(m *Map) error{
		"ReadAt":             func(m *Map) error { _, err := m.ReadAt(buffer[:8], page); return err },
		"ReadAt of pages":    func(m *Map) error { _, err := m.ReadAt(buffer[:3*page], page); return err },
		"ReadAt from before": func(m *Map) error { _, err := m.ReadAt(buffer, 0); return err },
		"ReadAt of less":     func(m *Map) error { _, err := m.ReadAt(buffer, 3*page); return err },
		"WriteAt":            func(m *Map) error { _, err := m.WriteAt(buffer, 0); return err },
		"WriteAt of a byte":  func(m *Map) error { _, err := m.WriteAt(buffer[:1], 2*page); return err },
		"At":                 func(m *Map) error { _, err := m.At(page); return err },
		"Fill":               func(m *Map) error { return m.Fill(0, ToEnd, 1) },
		"Fill with zeros":    func(m *Map) error { return m.Fill(page, page, 0) },
		"Move from":          func(m *Map) error { return m.Move(0, page, 1) },
		"Move to":            func(m *Map) error { return m.Move(page, 0, page) },
		"WriteTo":            func(m *Map) error { _, err := m.WriteTo(new(bytes.Buffer)); return err },
		"Cursor":             func(m *Map) error { _, err := io.ReadAll(m.Cursor()); return err },
		"Find":               func(m *Map) error { _, err := m.Find([]byte("y"), page, page+100); return err },
		"FindLast":           func(m *Map) error { _, err := m.FindLast([]byte("y"), page, page+100); return err },
		"Matches": func(m *Map) error {
			p := m.Matches([]byte("y"), page, page+100)
			for range p.All() {
			}
			return p.Err()
		},
		"Lines": func(m *Map) error {
			p := m.Lines(page, page+100)
			for range p.All() {
			}
			return p.Err()
		},
		"LoadUint32":          func(m *Map) error { _, err := m.LoadUint32(page); return err },
		"StoreUint32":         func(m *Map) error { return m.StoreUint32(page, 1) },
		"AddUint64":           func(m *Map) error { _, err := m.AddUint64(page, 1); return err },
		"CompareAndSwap":      func(m *Map) error { _, err := m.CompareAndSwapUint64(page, 0, 1); return err },
		"Reader.ReadAt":       func(m *Map) error { _, err := NewReader(m).ReadAt(buffer[:100], page); return err },
		"Reader.ReadAt, less": func(m *Map) error { _, err := NewReader(m).ReadAt(buffer, 3*page); return err },
		"Reader.At": func(m *Map) (err error) {
			defer func() { err = recover().(error) }()
			NewReader(m).At(int(2 * page))
			return nil
		},
	} {
		path, m := paged(t, 4, writable)
		setSize(t, path, page)
		want := uint32(0)
		if !copiesEnd && copyingCalls.MatchString(what) { // With the race detector.
			want = 1
		}
		standIns(t, what, want, func() {
			for range 2 {
				wantsLost(t, what, use(m), FaultError{page, 3 * page, CauseTruncated})
			}
		})
		if n := m.underWay(); n != 0 {
			t.Errorf("%s: %#x are under way", what, n)
		}
	}
}

// copyingCalls are those that copy and are not ended by a panic.
var copyingCalls = regexp.MustCompile(`ReadAt|WriteAt|\bAt|Cursor`)

// A buffer that is lost itself is no loss of the Map that it is filled from.
func TestABufferThatIsLostIsNoLossOfWhatIsRead(t *testing.T) {
	path, lost := paged(t, 2, writable)
	_, m := paged(t, 2, writable)
	setSize(t, path, 0)
	n, err := m.ReadAt(lost.Bytes()[:page], 0)
	if n != int(page) || err != nil {
		t.Errorf("ReadAt: %d bytes, %v", n, err)
	}
	wants(t, "the buffer", lost.Fault(), ErrFault)
	if b := load(&lost.Bytes()[page-1]); b != 'x' {
		t.Errorf("the copy has ended: %q", b)
	}

	path, lost = paged(t, 2, writable)
	setSize(t, path, 0)
	err = lost.View(func(data []byte) error { _, err := m.ReadAt(data, 0); return err })
	wants(t, "View", err, ErrFault)
	if n := m.underWay(); n != 0 {
		t.Errorf("%#x are under way", n)
	}

	path, lost = paged(t, 2, writable)
	setSize(t, path, 0)
	err = lost.View(func(data []byte) error { _, err := m.WriteAt(data, 0); return err })
	wants(t, "View", err, ErrFault)
	if b, err := m.At(0); b != 'x' || err != nil {
		t.Errorf("%q was written, %v", b, err)
	}
	if n := m.underWay(); n != 0 {
		t.Errorf("%#x are under way", n)
	}
}

func TestOfViewsInEachOtherTheOneOfTheLostByteReturnsTheLoss(t *testing.T) {
	path, outer := paged(t, 2, nil)
	_, inner := paged(t, 2, nil)
	setSize(t, path, 0)
	returned := false
	err := outer.View(func(data []byte) error {
		err := inner.View(func([]byte) error { load(&data[page]); return nil })
		returned = true
		return err
	})
	wantsLost(t, "View", err, FaultError{0, 2 * page, CauseTruncated})
	succeeds(t, "the other", inner.Fault())
	if returned || inner.underWay() != 0 || outer.underWay() != 0 {
		t.Errorf("the inner one returned: %v", returned)
	}
	err = inner.View(func([]byte) error {
		wants(t, "the inner one", outer.View(func(data []byte) error { load(&data[0]); return nil }), ErrFault)
		return nil
	})
	succeeds(t, "the outer one", err)
}

func TestOtherPanicsOfAViewAreLeftAlone(t *testing.T) {
	path, m := paged(t, 2, nil)
	var nowhere *int
	for _, lost := range []bool{false, true} {
		value := caught(func() { m.View(func([]byte) error { *nowhere = 1; return nil }) })
		var inner runtime.Error
		if err, ok := value.(error); !ok || !errors.As(err, &inner) || errors.Is(err, ErrFault) != lost {
			t.Errorf("a nil pointer is %v", value)
		}
		// A write to a read-only page that is there is no loss.
		value = caught(func() { m.View(func(data []byte) error { data[0] = 1; return nil }) })
		if faultAddress(value) != address(m.Bytes()) || errors.Is(value.(error), ErrFault) != lost {
			t.Errorf("a write to a read-only page is %v", value)
		}
		setSize(t, path, page)
		wants(t, "View", m.View(func(data []byte) error { load(&data[page]); return nil }), ErrFault)
	}
	mine := errors.New("mine")
	value := caught(func() {
		m.View(func(data []byte) error {
			defer func() { panic(mine) }() // Takes the place of the fault.
			load(&data[page])
			return nil
		})
	})
	if err, ok := value.(error); !ok || !errors.Is(err, mine) || !errors.Is(err, ErrFault) {
		t.Errorf("a panic of a deferred call is %v", value)
	}
	err := m.View(func(data []byte) error { // A function that makes do with it is told all the same.
		caught(func() { load(&data[page]) })
		return nil
	})
	wants(t, "View", err, ErrFault)
}

func TestALoopGoesOnOnStandInsUnlessItIsTried(t *testing.T) {
	for name, pieces := range map[string]func(m *Map) *Pieces{
		"Lines":   func(m *Map) *Pieces { return m.Lines(0, ToEnd) },
		"Windows": func(m *Map) *Pieces { return m.Windows(4 * page) },
	} {
		path, m := paged(t, 4, nil)
		p := pieces(m)
		standIns(t, name, 1, func() {
			for _, data := range p.All() {
				setSize(t, path, page)
				if load(&data[page]) != 0 {
					t.Error("something else than zeros")
				}
			}
		})
		wants(t, name, p.Err(), ErrFault)

		path, m = paged(t, 4, nil)
		p = pieces(m)
		standIns(t, name, 0, func() {
			err := Try(func() error {
				for _, data := range p.All() {
					setSize(t, path, page)
					load(&data[page])
					t.Errorf("%s: the loop goes on", name)
				}
				return p.Err()
			})
			wants(t, name, err, ErrFault)
		})
	}
}

func TestTryEndsAtALostByteOfAnyMapping(t *testing.T) {
	survives(t, func(t *testing.T) {
		for what, slice := range map[string]func(path string) []byte{
			"BasicMmap": func(path string) []byte { return basic(t, path) },
			"Bytes":     func(path string) []byte { return open(t, path, nil).Bytes() },
			"Guard": func(path string) []byte {
				data := foreign(t, path, 2*page)
				_, err := Guard(data, nil)
				succeeds(t, "Guard", err)
				return data
			},
			"MapFile at an offset": func(path string) []byte {
				file, err := os.Open(path)
				succeeds(t, "Open", err)
				defer file.Close()
				data, err := MapFile(file, &Options{Offset: 100, Length: 2 * page})
				succeeds(t, "MapFile", err)
				return data
			},
		} {
			path := newFile(t, string(bytes.Repeat([]byte("x"), int(2*page))))
			data := slice(path)
			setSize(t, path, 0)
			unwound := false
			err := Try(func() error {
				defer func() { unwound = true }()
				t.Errorf("%s: read %d", what, load(&data[page]))
				return nil
			})
			var lost *FaultError
			if !errors.As(err, &lost) || !errors.Is(err, ErrFault) || !unwound {
				t.Errorf("%s: %v, unwound: %v", what, err, unwound)
			}
			if debug.SetPanicOnFault(false) {
				t.Errorf("%s: SetPanicOnFault is set", what)
			}
		}
		path := newFile(t, string(bytes.Repeat([]byte("x"), int(2*page))))
		wants(t, "a Map that is closed on the way", Try(func() error {
			m := open(t, path, nil)
			defer m.Close()
			setSize(t, path, 0)
			return errors.New(string(load(&m.Bytes()[0])))
		}), ErrFault)
		if n := stoodIn.Load(); n != 0 {
			t.Errorf("%d stand-ins", n)
		}
	})
}

func TestTryLeavesErrorsAndPanicsAlone(t *testing.T) {
	survives(t, func(t *testing.T) {
		mine := errors.New("mine")
		succeeds(t, "Try", Try(func() error { return nil }))
		if err := Try(func() error { return mine }); err != mine {
			t.Error(err)
		}
		if value := caught(func() { Try(func() error { panic(mine) }) }); value != mine {
			t.Error(value)
		}
		path, _ := paged(t, 2, nil)
		data := foreign(t, path, 2*page)
		setSize(t, path, 0)
		if value := caught(func() { Try(func() error { load(&data[0]); return nil }) }); faultAddress(value) == 0 {
			t.Errorf("a page that nobody guards is %v", value)
		}
		left := make(chan any)
		go func() {
			defer func() { left <- recover() }()
			Try(func() error { runtime.Goexit(); return nil })
		}()
		if value := <-left; value != nil {
			t.Error(value)
		}
	})
}

// Zeros that were put there for others may be what the function has read.
func TestTryReturnsTheLossWhileThereAreStandIns(t *testing.T) {
	survives(t, func(t *testing.T) {
		path := newFile(t, string(bytes.Repeat([]byte("x"), int(2*page))))
		data := basic(t, path)
		setSize(t, path, 0)
		load(&data[page])
		mine := errors.New("mine")
		err := Try(func() error { load(&data[page]); return mine })
		wants(t, "Try", err, ErrFault, mine)
		value := caught(func() { Try(func() error { panic(mine) }) })
		if err, ok := value.(*ViewPanic); !ok || err.Value != mine {
			t.Errorf("%v", value)
		}
		err = Try(func() error { load(&data[page]); return UnmapMemory(data) })
		wants(t, "what is forgotten on the way", err, ErrFault)
		succeeds(t, "Try", Try(func() error { return nil }))
		path, m := paged(t, 2, nil)
		setSize(t, path, 0)
		load(&m.Bytes()[page])
		err = Try(func() error {
			load(&m.Bytes()[page])
			setSize(t, path, 2*page)
			return m.Recover()
		})
		wants(t, "what is recovered on the way", err, ErrFault)
		succeeds(t, "Try", Try(func() error { return nil }))
	})
}

// So may those that a call of the library has put there.
func TestTryReturnsTheLossAfterACallOfTheLibraryHasMetIt(t *testing.T) {
	survives(t, func(t *testing.T) {
		path := newFile(t, string(bytes.Repeat([]byte("x"), int(2*page))))
		data := basic(t, path)
		setSize(t, path, 0)
		wants(t, "WriteToMmap", WriteToMmap(data, []byte("y")), ErrFault)
		wants(t, "Try", Try(func() error { load(&data[1]); return nil }), ErrFault)
	})
}

// Where the runtime's flag is not found, lost pages read as zeros, and the loss is returned afterwards.
func TestWithoutTheFlagAViewSeesZerosAndReturnsTheLoss(t *testing.T) {
	survives(t, func(t *testing.T) {
		neverCatches = true
		path, m := paged(t, 2, nil)
		if CatchesFaults() {
			t.Error("it says that it catches faults")
		}
		setSize(t, path, 0)
		reached := false
		err := m.View(func(data []byte) error {
			reached = load(&data[page]) == 0
			return nil
		})
		wants(t, "View", err, ErrFault)
		_, err = m.ReadAt(make([]byte, 10), 0)
		wants(t, "ReadAt", err, ErrFault)
		data := m.Bytes()
		wants(t, "Try", Try(func() error { load(&data[0]); return nil }), ErrFault)
		if !reached || debug.SetPanicOnFault(false) {
			t.Errorf("it read the byte: %v", reached)
		}
	})
}

func TestOnlyOneByteMayFollowTheFlag(t *testing.T) {
	for _, c := range []struct {
		follows []bool
		want    uintptr
	}{{nil, 0}, {[]bool{false, false}, 0}, {[]bool{false, false, true}, 2}, {[]bool{false, true, true}, 0}} {
		if got := theOnly(c.follows); got != c.want {
			t.Errorf("%v: %d", c.follows, got)
		}
	}
	if at := panicFlag(); at == 0 {
		t.Error("this version of Go is not known")
	}
}

// With the guard off, a fault ends the program as ever.
func TestWithoutTheGuardNothingIsCaught(t *testing.T) {
	dies(t, func(t *testing.T) {
		path, m := paged(t, 2, nil)
		setSize(t, path, 0)
		m.View(func(data []byte) error { load(&data[page]); return nil })
	}, []string{"MEMMAP_GUARD=off"}, "unexpected fault address")
}

// signalAction is sigaction(2) with the kernel's struct.
func signalAction(t *testing.T, set, old *[4]uint64) {
	t.Helper()
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGBUS),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
}

// Another package may put Go's own handler in front of the guard's, which then knows of no fault.
func TestAViewIsLeftAndTheLossRecordedAlsoBehindGosHandler(t *testing.T) {
	for _, try := range []bool{false, true} {
		t.Run(map[bool]string{false: "View", true: "Try"}[try], func(t *testing.T) {
			survives(t, func(t *testing.T) {
				var gos [4]uint64
				signalAction(t, nil, &gos)
				path, m := paged(t, 4, nil)
				data := m.Bytes()
				signalAction(t, &gos, nil)
				setSize(t, path, page)
				lost := FaultError{page, 3 * page, CauseTruncated}
				if try {
					wantsLost(t, "Try", Try(func() error { load(&data[2*page]); return nil }), lost)
				} else {
					wantsLost(t, "View", m.View(func(data []byte) error { load(&data[2*page]); return nil }), lost)
				}
				wantsLost(t, "Fault", m.Fault(), lost)
				if bypassed() {
					t.Error("the guard is not in front again")
				}
				if value := caught(func() { m.View(func([]byte) error { panic("mine") }) }); value == nil {
					t.Error("no panic")
				}
			})
		})
	}
}

func TestAViewIsLeftAlsoWhereTheProgramIsNotifiedOfTheSignal(t *testing.T) {
	survives(t, func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGBUS)
		path, m := paged(t, 2, nil)
		setSize(t, path, 0)
		wants(t, "View", m.View(func(data []byte) error { load(&data[page]); return nil }), ErrFault)
		signal.Reset(syscall.SIGBUS)
		wants(t, "View", m.View(func(data []byte) error { load(&data[page]); return nil }), ErrFault)
		if len(signals) != 0 {
			t.Error("the program received a signal that became a panic")
		}
	})
}

// Faults of many goroutines, while the garbage collector and a profiler interrupt them.
func TestManyGoroutinesMeetLostPages(t *testing.T) {
	const goroutines, times = 8, 2000
	path, m := paged(t, 64, nil)
	setSize(t, path, 0)
	profile, err := os.Create(filepath.Join(t.TempDir(), "profile"))
	succeeds(t, "Create", err)
	defer profile.Close()
	if pprof.StartCPUProfile(profile) == nil {
		defer pprof.StopCPUProfile()
	}
	var done atomic.Bool
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for !done.Load() {
			runtime.GC()
		}
	}()
	var all sync.WaitGroup
	var zeros, losses atomic.Int64
	for g := range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range times {
				at := int64((g*times+i)%64) * page
				made := make([]byte, 100)
				err := m.View(func(data []byte) error {
					zeros.Add(int64(1 + copy(made, data[at:at+100])))
					return nil
				})
				if errors.Is(err, ErrFault) {
					losses.Add(1)
				}
			}
		}()
	}
	all.Wait()
	done.Store(true)
	<-collected
	if zeros.Load() != 0 || losses.Load() != goroutines*times {
		t.Errorf("%d zeros, %d losses", zeros.Load(), losses.Load())
	}
	if n := m.underWay(); n != 0 {
		t.Errorf("%#x are under way", n)
	}
}
