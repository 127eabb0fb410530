package memmap

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A goroutine that waits for views to end could wait for ever if other views kept beginning. So it holds new
// views back, but not for long at a time: one of them may be inside a view that it waits for, in the same
// goroutine, which cannot be known. Then it lets all in for as long, and holds back for twice as long, up to a
// second. Views that are shorter than that come to an end in one of the intervals, whatever others do; and no
// view waits longer than that.
//
// shortestHold and longestHold are for how long new views are held back.
var (
	shortestHold = 10 * time.Millisecond
	longestHold  = time.Second
)

// Turns are the order of the goroutines that wait for views to end: one after the other, in the order in which
// they came.
type turns struct {
	once sync.Once
	next chan struct{}
}

// take waits for the turn, which has to be returned with give.
func (t *turns) take(ctx context.Context) error {
	t.once.Do(func() { t.next = make(chan struct{}, 1) })
	select {
	case t.next <- struct{}{}: // Waiting senders are served in order.
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) give() { <-t.next }

// whenUnviewed calls act, which returns ErrBusy while the Map is viewed, as soon as it is not. While it waits
// it holds no lock: a view may resize the Map within its capacity meanwhile.
func (m *Map) whenUnviewed(ctx context.Context, op string, act func() error) error {
	if err := ctx.Err(); err != nil {
		return m.fail(op, err)
	}
	if err := act(); !errors.Is(err, ErrBusy) {
		return err
	}
	if err := m.turns.take(ctx); err != nil {
		return m.fail(op, err)
	}
	defer m.turns.give()
	for hold := shortestHold; ; hold = min(2*hold, longestHold) {
		if err := m.holding(ctx, op, hold, act); !errors.Is(err, ErrBusy) {
			return err
		}
		if err := m.tryFor(ctx, op, hold, act); !errors.Is(err, ErrBusy) {
			return err
		}
	}
}

// holding is tryFor while new views are held back.
func (m *Map) holding(ctx context.Context, op string, hold time.Duration, act func() error) error {
	m.state.Or(held)
	defer m.state.And(^held)
	return m.tryFor(ctx, op, hold, act)
}

// tryFor calls act for a while whenever there is no view. It returns ErrBusy if none of the calls succeeds.
func (m *Map) tryFor(ctx context.Context, op string, while time.Duration, act func() error) error {
	end := time.Now().Add(while)
	for patience := (backoff{}); ; patience.wait() {
		if m.underWay()&views == 0 || m.state.Load()&closed != 0 {
			if err := act(); !errors.Is(err, ErrBusy) {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return m.fail(op, err)
		}
		if !time.Now().Before(end) {
			return ErrBusy
		}
	}
}
