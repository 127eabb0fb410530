package memmap

import (
	"context"
	"runtime"
	"time"
)

// The state of a Map is one word: how many operations and views are under way, and three flags.
//
//   - An operation (ReadAt, Flush…) ends by itself and soon; a view lasts as long as its function likes
//     and may itself use the Map. Who needs the mapping alone waits for the first and not for the second.
//   - closed keeps newcomers out. Whoever finds nobody under way then, and sets reclaimed, unmaps.
//     Newcomers count themselves for a moment before they see that they are late, so that may be found
//     several times; setting reclaimed happens once.
//   - gate keeps newcomers waiting while one operation moves, cuts or recovers the mapping. Nobody unmaps
//     meanwhile; whoever opens it looks.
//   - held keeps new views waiting while somebody waits for those that there are: see turns.go.
//
// A Map that nobody has opened, the zero value, lacks the bit that every other has from newMap on, and so everybody
// who enters finds another state than he hopes for: that costs no look of its own.
//
// Where goroutines keep meeting in that word, they count themselves in lanes from then on: see lanes.go.
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

// Go's atomics are sequentially consistent on every processor (go.dev/ref/mem), so that leave comes after all that was
// done with the mapping, and what unmaps it after the last leave.

// enter keeps the mapping in place until leave. It is false when the Map is closed, or was never opened.
func (m *Map) enter(unit uint64) bool {
	state := m.count(unit)
	return state == made+unit || m.enterLate(unit, state)
}

// leave is where every operation and every view ends.
func (m *Map) leave(unit uint64) {
	if m.uncount(unit) >= gate {
		m.reclaim() // Nobody is left to be told; the library itself can't fail here.
	}
}

// count counts a unit and is the state then, or what can be seen of it from a lane; of a nil Map it is 0. It and uncount
// are inlined, for who has no time for the calls of enter and leave.
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

// enterLate is enter for who is counted, but not alone in the state.
func (m *Map) enterLate(unit, state uint64) bool {
	return m.enterUntil(context.Background(), unit, state) == nil
}

// enterUntil is enterLate for who does not wait longer than for ctx. Its error is that of ctx, or why there is no mapping
// to enter.
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

// keepsOut says whether newcomers of this unit have to wait.
func keepsOut(unit, state uint64) bool {
	return state&gate != 0 || unit == view && state&held != 0
}

// underWay is how many operations and views are counted. With closed or gate set it is never less than
// there are: who entered before that is found.
func (m *Map) underWay() uint64 {
	lanes := m.lanes.Load()
	if lanes == nil {
		return m.state.Load() & counts
	}
	// Those who left first: so nobody is found to have left and not to have entered.
	left := lanes.left()
	return m.state.Load()&counts + lanes.entered() - left
}

// closeGate has the mapping for the caller alone until openGate, but for views. Those that are counted
// in refused are ErrBusy, at once, since a view may be waiting for this very call.
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

// reclaim unmaps when the Map is closed and not in use, unless somebody else does.
func (m *Map) reclaim() error {
	for {
		state := m.state.Load()
		if state&^(counts|held) != made|closed || m.underWay() != 0 {
			return nil
		}
		if m.state.CompareAndSwap(state, state|reclaimed) {
			return failure("close", m.path, closeHandle(m.handle))
		}
	}
}

// A backoff waits for something that is done soon: it gives way first and sleeps later.
type backoff struct{ turns int }

func (b *backoff) wait() {
	b.turns++
	if b.turns < 100 {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Duration(b.turns)*time.Microsecond, time.Millisecond))
}
