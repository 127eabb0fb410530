package memmap

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Who waits for views to end would wait for ever if others kept coming meanwhile. So he holds newcomers back, but not
// for longer than a while: one of them may be inside a view that he waits for, in the same goroutine, and nobody can know.
// Then he lets everybody in for as long, and holds back for twice as long, up to a second. Views that are shorter than
// that come to an end in one of the whiles, whatever others do; and no view waits for longer.

// For how long newcomers are held back.
var (
	shortestHold = 10 * time.Millisecond
	longestHold  = time.Second
)

// Turns are whose turn it is of those who wait for views to end: one after the other, in the order in which they came.
type turns struct {
	once sync.Once
	next chan struct{}
}

// take waits for the turn, which is to be given back.
func (t *turns) take(ctx context.Context) error {
	t.once.Do(func() { t.next = make(chan struct{}, 1) })
	select {
	case t.next <- struct{}{}: // Those who wait to send are served in order.
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) give() { <-t.next }

// whenUnviewed does what is ErrBusy while the Map is viewed as soon as it isn't. While it waits it has nothing locked:
// what a view does meanwhile, a resize within the capacity too, is not kept waiting.
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

// holding is tryFor while newcomers are held back.
func (m *Map) holding(ctx context.Context, op string, hold time.Duration, act func() error) error {
	m.state.Or(held)
	defer m.state.And(^held)
	return m.tryFor(ctx, op, hold, act)
}

// tryFor tries for a while, whenever there is no view: ErrBusy when it comes to nothing.
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
