package memmap

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// viewed is a Map of 5 bytes with a view that ends when end is called, and has ended when that returns.
func viewed(t *testing.T, path string) (m *Map, end func()) {
	t.Helper()
	m = open(t, path, writable)
	return m, viewing(t, m)
}

func viewing(t *testing.T, m *Map) (end func()) {
	t.Helper()
	inside, leave, left := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		defer close(left)
		m.View(func([]byte) error { close(inside); <-leave; return nil })
	}()
	<-inside
	var once sync.Once
	end = func() { once.Do(func() { close(leave) }); <-left }
	t.Cleanup(end)
	return end
}

// later calls f in a goroutine of its own.
func later(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// untilHeld waits until somebody who waits holds newcomers back.
func untilHeld(m *Map) {
	for m.state.Load()&held == 0 {
		(&backoff{}).wait()
	}
}

// holdsFor has newcomers held back for that long at least.
func holdsFor(t *testing.T, while time.Duration) {
	shortest, longest := shortestHold, longestHold
	shortestHold, longestHold = while, while
	t.Cleanup(func() { shortestHold, longestHold = shortest, longest })
}

// Two goroutines view it again and again, so that there is hardly a moment without a view. Every call succeeds.
func TestAResizeThatWaitsComesThroughViewsThatOverlap(t *testing.T) {
	path := newFile(t, zeros(4096))
	m := open(t, path, writable)
	var done sync.WaitGroup
	stop := make(chan bool)
	for viewer := range 2 {
		done.Add(1)
		go func() {
			defer done.Done()
			time.Sleep(time.Duration(viewer) * time.Millisecond)
			for {
				select {
				case <-stop:
					return
				default:
					m.View(func([]byte) error { time.Sleep(2 * time.Millisecond); return nil })
				}
			}
		}()
	}
	for i := range 20 {
		succeeds(t, "ResizeContext", m.ResizeContext(t.Context(), int64(100+i%2*1_000_000)))
		_, err := m.GrowContext(t.Context(), 1<<20)
		succeeds(t, "GrowContext", err)
		setSize(t, path, int64(10+i))
		n, err := m.RefreshContext(t.Context())
		succeeds(t, "RefreshContext", err)
		if n != int64(10+i) {
			t.Errorf("%d bytes of %d", n, 10+i)
		}
	}
	close(stop)
	done.Wait()
}

// Who comes later is served later, and finds the new length.
func TestAViewThatComesAfterAResizeThatWaitsIsServedAfterIt(t *testing.T) {
	holdsFor(t, time.Hour)
	m, end := viewed(t, newFile(t, "Hello"))
	resized := later(func() error { return m.ResizeContext(t.Context(), 1<<20) })
	untilHeld(m)
	var length int
	seen := later(func() error { return m.View(func(data []byte) error { length = len(data); return nil }) })
	for range 1000 { // However long it is given, it does not come through.
		select {
		case <-seen:
			t.Fatal("a view that came later was served first")
		default:
			(&backoff{}).wait()
		}
	}
	end()
	succeeds(t, "ResizeContext", <-resized)
	succeeds(t, "View", <-seen)
	if length != 1<<20 {
		t.Errorf("the view had %d bytes", length)
	}
	if m.state.Load() != made {
		t.Errorf("left in state %#x", m.state.Load())
	}
}

// Reading, writing, and growing within the capacity are no views.
func TestWhatIsNoViewDoesNotWaitForAResizeThatWaits(t *testing.T) {
	holdsFor(t, time.Hour)
	m := open(t, newFile(t, "Hello"), &Options{Access: ReadWrite, Capacity: 1 << 20})
	end := viewing(t, m)
	resized := later(func() error { return m.ResizeContext(t.Context(), 2<<20) })
	untilHeld(m)
	_, err := m.At(0)
	succeeds(t, "At", err)
	succeeds(t, "Fill", m.Fill(0, ToEnd, 'x'))
	succeeds(t, "Resize within the capacity", m.Resize(100))
	succeeds(t, "ResizeContext within the capacity", m.ResizeContext(t.Context(), 200))
	wants(t, "Resize", m.Resize(3<<20), ErrBusy)
	end()
	succeeds(t, "ResizeContext", <-resized)
	if m.Len() != 2<<20 {
		t.Errorf("%d bytes", m.Len())
	}
}

// Nobody knows that the second view belongs to the first, so it has to wait; but not for ever.
func TestAViewInAViewComesThroughWhileAResizeWaits(t *testing.T) {
	m := open(t, newFile(t, "Hello"), writable)
	var resized <-chan error
	succeeds(t, "View", m.View(func([]byte) error {
		resized = later(func() error { return m.ResizeContext(t.Context(), 1<<20) })
		untilHeld(m)
		for range 3 {
			succeeds(t, "View in a View", m.View(func([]byte) error { return nil }))
		}
		return nil
	}))
	succeeds(t, "ResizeContext", <-resized)
}

func TestAResizeInItsOwnViewEndsWithItsContext(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	succeeds(t, "View", m.View(func([]byte) error {
		wants(t, "ResizeContext", m.ResizeContext(ctx, 1<<20), context.DeadlineExceeded)
		_, err := m.GrowContext(ctx, 1<<20)
		wants(t, "GrowContext", err, context.DeadlineExceeded)
		return nil
	}))
	holdsText(t, m, "Hello")
	if contents(t, path) != "Hello" || m.state.Load() != made {
		t.Errorf("left in state %#x, and the file with %d bytes", m.state.Load(), len(contents(t, path)))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, "ended before", m.ResizeContext(ended, 6), context.Canceled)
	if m.Len() != 5 {
		t.Errorf("%d bytes", m.Len())
	}
}

// One of those who wait gives up, whichever: the others are served, and views come through afterwards.
func TestWhoGivesUpWaitingKeepsNobodyElseWaiting(t *testing.T) {
	holdsFor(t, time.Hour)
	for leaver := range 3 {
		path := newFile(t, "Hello")
		m, end := viewed(t, path)
		var waiting [3]<-chan error
		var cancels [3]context.CancelFunc
		for i := range waiting {
			var ctx context.Context
			ctx, cancels[i] = context.WithCancel(t.Context())
			waiting[i] = later(func() error { _, err := m.GrowContext(ctx, 1<<20); return err })
		}
		untilHeld(m)
		cancels[leaver]()
		wants(t, "who gave up", <-waiting[leaver], context.Canceled)
		end()
		for i := range waiting {
			if i != leaver {
				succeeds(t, "who waited on", <-waiting[i])
			}
			cancels[i]()
		}
		if m.Len() != 5+2<<20 || m.state.Load() != made {
			t.Errorf("%d bytes, state %#x", m.Len(), m.state.Load())
		}
		succeeds(t, "View", m.View(func([]byte) error { return nil }))
	}
}

func TestClosingEndsAllWaiting(t *testing.T) {
	holdsFor(t, time.Hour)
	path := newFile(t, "Hello")
	m, end := viewed(t, path)
	first := later(func() error { return m.ResizeContext(t.Context(), 1<<20) })
	untilHeld(m)
	second := later(func() error { _, err := m.RefreshContext(t.Context()); return err })
	third := later(func() error { return m.View(func([]byte) error { return nil }) })
	succeeds(t, "Close", m.Close())
	wants(t, "ResizeContext", <-first, ErrClosed)
	if err := <-second; err != nil && !errors.Is(err, ErrClosed) { // It may have been there before.
		t.Error("RefreshContext:", err)
	}
	wants(t, "View", <-third, ErrClosed)
	if mappings(t, path) != 1 {
		t.Error("unmapped under a view")
	}
	end()
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

// A Wait is a view, and its context is looked at while it is held back too.
func TestAWaitThatIsHeldBackEndsWithItsContext(t *testing.T) {
	holdsFor(t, time.Hour)
	m, end := viewed(t, newFile(t, zeros(8)))
	resized := later(func() error { return m.ResizeContext(t.Context(), 1<<20) })
	untilHeld(m)
	inner, cancel := context.WithCancel(t.Context())
	ctx := &askedContext{Context: inner}
	waited := later(func() error { return m.Wait(ctx, 0, 0) })
	for tries := 0; ctx.asked.Load() < 2; tries++ { // Once before it is held back.
		if time.Sleep(time.Millisecond); tries == 5000 {
			t.Error("it does not ask its context")
			break
		}
	}
	cancel()
	if ctx.asked.Load() < 2 {
		end()
	}
	wants(t, "Wait", <-waited, context.Canceled)
	end()
	succeeds(t, "ResizeContext", <-resized)
}

// An askedContext counts how often it was asked whether it is done.
type askedContext struct {
	context.Context
	asked atomic.Int32
}

func (c *askedContext) Err() error {
	c.asked.Add(1)
	return c.Context.Err()
}

// What can't be done is said at once, however much the Map is viewed.
func TestAResizeThatCannotBeDoesNotWait(t *testing.T) {
	holdsFor(t, time.Hour)
	path := newFile(t, "Hello")
	m := open(t, path, nil)
	end := viewing(t, m)
	wants(t, "read-only", m.ResizeContext(t.Context(), 1<<20), ErrAccess)
	wants(t, "less than nothing", m.ResizeContext(t.Context(), -1), ErrInvalid)
	_, err := m.RefreshContext(t.Context())
	succeeds(t, "nothing to do", err)
	end()
	succeeds(t, "Remove", os.Remove(path))
}
