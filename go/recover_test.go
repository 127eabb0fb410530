package memmap

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRecoveringShowsTheFileAndNothingThatWasWrittenMeanwhile(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 8, writable)
		data := m.Bytes()
		setSize(t, path, page+10)
		data[3*page+5] = 'l'
		wants(t, "too short", m.Recover(), ErrFault)
		if data[3*page+5] != 'l' {
			t.Error("a failed Recover has changed something")
		}
		setSize(t, path, 8*page-1)
		wants(t, "a byte too short", m.Recover(), ErrFault)
		// In place, so that it stays the file that is mapped.
		succeeds(t, "the file anew", os.WriteFile(path, []byte(strings.Repeat("n", int(8*page))), 0o600))
		succeeds(t, "Recover", m.Recover())
		succeeds(t, "Fault", m.Fault())
		holdsText(t, m, strings.Repeat("n", int(8*page)))
		if &data[0] != &m.Bytes()[0] {
			t.Error("it has moved")
		}
		data[7*page+9] = 'm'
		if text := contents(t, path); text[7*page+9] != 'm' {
			t.Error("it is not the file")
		}
		succeeds(t, "Flush", m.Flush())
		succeeds(t, "Resize", m.Resize(9*page))
	})
}

func TestWhatIsLostAgainAfterRecoveringIsToldAgain(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, nil)
		for range 3 {
			setSize(t, path, page)
			_, err := m.At(2 * page)
			wantsLost(t, "At", err, FaultError{page, 3 * page, CauseTruncated})
			setSize(t, path, 4*page)
			succeeds(t, "Recover", m.Recover())
			succeeds(t, "Fault", m.Fault())
		}
	})
}

func TestAViewThatARecoveryOvertakesIsToldAllTheSame(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, writable)
		lost := FaultError{page, 3 * page, CauseTruncated}
		err := m.View(func(data []byte) error {
			setSize(t, path, page)
			elsewhere(&data[2*page])
			setSize(t, path, 4*page)
			succeeds(t, "Recover", m.Recover())
			return nil
		})
		wantsLost(t, "View", err, lost)
		_, err = m.WriteTo(writerFunc(func(p []byte) (int, error) {
			setSize(t, path, page)
			elsewhere(&p[2*page])
			setSize(t, path, 4*page)
			succeeds(t, "Recover", m.Recover())
			return len(p), nil
		}))
		wantsLost(t, "WriteTo", err, lost)
		succeeds(t, "the next View", m.View(func([]byte) error { return nil }))
	})
}

func TestRecoveringAWholeMappingIsNothing(t *testing.T) {
	_, m := paged(t, 1, nil)
	succeeds(t, "View", m.View(func([]byte) error { return m.Recover() }))
	succeeds(t, "Close", m.Close())
	wants(t, "closed", m.Recover(), ErrClosed)
	wants(t, "closed", m.Fault(), ErrClosed)
	wants(t, "closed", m.Check(0, 0), ErrClosed)
}

func TestCheckTakesAnyRangeInside(t *testing.T) {
	_, m := paged(t, 1, nil)
	for _, r := range [][2]int64{{0, page}, {0, ToEnd}, {page, 0}, {page, ToEnd}, {5, 1}} {
		succeeds(t, "Check", m.Check(r[0], r[1]))
	}
	for _, r := range [][2]int64{{-1, 1}, {0, page + 1}, {page + 1, 0}, {page + 1, ToEnd}, {0, -2}, {-1, ToEnd}} {
		wants(t, "Check outside", m.Check(r[0], r[1]), ErrRange)
	}
}

// No call returns zeros without an error, also if a recovery comes between the copy and the look at the
// count of faults.
func TestNoReadTakesZerosForTheFileWhileOthersRecover(t *testing.T) {
	survives(t, func(t *testing.T) {
		path := filepath.Join(inMemory(t), "file")
		succeeds(t, "WriteFile", os.WriteFile(path, []byte(strings.Repeat("x", int(4*page))), 0o600))
		m := open(t, path, nil)
		var done atomic.Bool
		var readers sync.WaitGroup
		whole := strings.Repeat("x", int(2*page))
		for range 2 {
			readers.Add(1)
			go func() {
				defer readers.Done()
				p := make([]byte, 2*page)
				for !done.Load() {
					if n, err := m.ReadAt(p, page); err == nil && string(p[:n]) != whole {
						t.Error("zeros, and no error")
						return
					}
					saw := ""
					if err := m.View(func(data []byte) error {
						saw = string(data[page : 3*page])
						return nil
					}); err == nil && saw != whole {
						t.Error("zeros in a view, and no error")
						return
					}
				}
			}()
		}
		for range 300 {
			// The file is cut and made whole with one write, so it has no zeros of its own. It lies on tmpfs: ext4 shows
			// zeros of the kernel's while a file is cut, and no signal reports them (docs/faults.md).
			setSize(t, path, 0)
			m.At(3 * page)
			succeeds(t, "the file anew", rewrite(path, strings.Repeat("x", int(4*page))))
			succeeds(t, "Recover", m.Recover())
		}
		done.Store(true)
		readers.Wait()
	})
}

// rewrite writes text over the file, whose length grows with the bytes.
func rewrite(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteAt([]byte(text), 0)
	return err
}
