package memmap

import (
	"context"
	"runtime"
	"time"
)

// The state of a Map is one word: the number of operations and views that are running, and flags.
//
//   - An operation (ReadAt, Flush, …) is short and ends by itself. A view lasts as long as its function and may
//     itself use the Map. Code that needs the mapping alone waits for operations and not for views.
//   - closed keeps new operations and views out. The goroutine that then finds none running and sets reclaimed
//     unmaps the memory. A late operation counts itself before it sees that the Map is closed, so several
//     goroutines may find none running; reclaimed is set once.
//   - gate makes new operations and views wait while one goroutine moves, cuts or recovers the mapping, which
//     is not unmapped meanwhile; the goroutine that clears gate checks whether it has to.
//   - held makes new views wait while a goroutine waits for the present views to end; see turns.go.
//
// A Map that was never opened, the zero value, lacks the bit made, so that everything that enters finds another
// state than it expects. That check costs nothing of its own.
//
// Where goroutines often count in that word at the same time, they count in lanes from then on; see lanes.go.
const (
	made       uint64 = 1
	operation  uint64 = 1 << 1
	view       uint64 = 1 << 30
	operations        = view - operation
	views             = (view - 1) * view
	counts            = operations | views
	reclaimed  uint64 = 1 << 60
	held       uint64 = 1 << 61
	gate       uint64 = 1 << 62
	closed     uint64 = 1 << 63
)

// Go's atomics are sequentially consistent (go.dev/ref/mem): leave comes after every use of the mapping, and the unmapping
// after the last leave.

// enter keeps the mapping in place until leave. It returns false if the Map is closed or was never opened.
func (m *Map) enter(unit uint64) bool {
	state := m.count(unit)
	return state == made+unit || m.enterLate(unit, state)
}

// leave ends an operation or a view.
func (m *Map) leave(unit uint64) {
	if m.uncount(unit) >= gate {
		m.reclaim() // Its error has no receiver; closing a valid handle does not fail.
	}
}

// count counts a unit and returns the state, or what is known of it from a lane; of a nil Map it returns 0.
// count and uncount are inlined, for callers that cannot afford the calls of enter and leave.
func (m *Map) count(unit uint64) uint64 {
	if m == nil {
		return 0
	}
	lanes := m.lanes.Load()
	if lanes == nil {
		return m.state.Add(unit)
	}
	lanes.own().entered.Add(unit)
	return m.state.Load()&^counts + unit
}

func (m *Map) uncount(unit uint64) uint64 {
	lanes := m.lanes.Load()
	if lanes == nil {
		return m.state.Add(-unit)
	}
	lanes.own().left.Add(unit)
	return m.state.Load()
}

// enterLate is enter for a unit that is counted, but was not alone in the state.
func (m *Map) enterLate(unit, state uint64) bool {
	return m.enterUntil(context.Background(), unit, state) == nil
}

// enterUntil is enterLate with a limit: it waits until ctx is done. It returns the error of ctx, or why there
// is no mapping to enter.
func (m *Map) enterUntil(ctx context.Context, unit, state uint64) error {
	if state&made == 0 {
		if m != nil {
			m.uncount(unit)
		}
		return ErrInvalid
	}
	var patience backoff
	for state&closed != 0 || keepsOut(unit, state) {
		m.leave(unit)
		for state = m.state.Load(); state&closed == 0 && keepsOut(unit, state); state = m.state.Load() {
			if err := ctx.Err(); err != nil {
				return err
			}
			patience.wait()
		}
		if state&closed != 0 {
			return ErrClosed
		}
		state = m.count(unit)
	}
	// An operation meets others, and not the view that it may belong to.
	if (unit == view || state&operations != operation) && m.meetings.add(clock) {
		m.lanes.CompareAndSwap(nil, new(lanes))
	}
	return nil
}

// keepsOut reports whether a new unit has to wait.
func keepsOut(unit, state uint64) bool {
	return state&gate != 0 || unit == view && state&held != 0
}

// underWay returns how many operations and views are counted. With closed or gate set it is never less than the
// number that are running, since those entered before.
func (m *Map) underWay() uint64 {
	lanes := m.lanes.Load()
	if lanes == nil {
		return m.state.Load() & counts
	}
	// Left before entered: then no unit is counted as left and not as entered.
	left := lanes.left()
	return m.state.Load()&counts + lanes.entered() - left
}

// closeGate keeps operations out until openGate and waits for those that are running. If units that are counted
// in refused are running, it returns ErrBusy without waiting, since a view may be waiting for this very call.
func (m *Map) closeGate(refused uint64) error {
	for {
		state := m.state.Load()
		if state&closed != 0 {
			return ErrClosed
		}
		if m.state.CompareAndSwap(state, state|gate) {
			break
		}
	}
	if m.underWay()&refused != 0 {
		m.openGate()
		return ErrBusy
	}
	for patience := (backoff{}); m.underWay()&operations != 0; {
		patience.wait()
	}
	return nil
}

func (m *Map) openGate() {
	m.state.And(^gate)
	m.reclaim()
}

// reclaim unmaps the memory if the Map is closed and not in use, unless another goroutine does.
func (m *Map) reclaim() error {
	for {
		state := m.state.Load()
		if state&^(counts|held) != made|closed || m.underWay() != 0 {
			return nil
		}
		if m.state.CompareAndSwap(state, state|reclaimed) {
			handles.remove(&m.listed)
			if m.faulted() {
				forgotten.Add(1)
			}
			return failure("close", m.path, closeHandle(m.handle))
		}
	}
}

// A backoff waits for something that ends soon: it yields first and sleeps later.
type backoff struct{ turns int }

func (b *backoff) wait() {
	b.turns++
	if b.turns < 100 {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Duration(b.turns)*time.Microsecond, time.Millisecond))
}
