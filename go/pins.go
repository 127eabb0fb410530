package memmap

import (
	"runtime"
	"time"
)

// The state of a Map is one word: how many operations and views are under way, and three flags.
//
//   - An operation (ReadAt, Flush…) ends by itself and soon; a view lasts as long as its function likes
//     and may itself use the Map. Who needs the mapping alone waits for the first and not for the second.
//   - closed keeps newcomers out. Whoever finds both counts at zero then, and sets reclaimed, unmaps.
//     Newcomers count themselves for a moment before they see that they are late, so reaching zero
//     may happen several times; setting reclaimed happens once.
//   - gate keeps newcomers waiting while one operation moves, cuts or recovers the mapping. Nobody unmaps
//     meanwhile; whoever opens it looks.
const (
	operation  uint64 = 1
	view       uint64 = 1 << 30
	operations        = view - operation
	views             = operations * view
	reclaimed  uint64 = 1 << 60
	gate       uint64 = 1 << 62
	closed     uint64 = 1 << 63
)

// Go's atomics are sequentially consistent on every processor (go.dev/ref/mem), so that leave comes after all that was
// done with the mapping, and what unmaps it after the last leave.

// enter keeps the mapping in place until leave. It is false when the Map is closed.
func (m *Map) enter(unit uint64) bool {
	return m.state.Add(unit) < gate || m.enterLate(unit)
}

// leave is where every operation and every view ends.
func (m *Map) leave(unit uint64) {
	if m.state.Add(-unit) == closed {
		m.reclaim() // Nobody is left to be told; the library itself can't fail here.
	}
}

// enterLate takes back what enter counted and waits for the gate.
func (m *Map) enterLate(unit uint64) bool {
	var patience backoff
	for {
		m.leave(unit)
		for {
			state := m.state.Load()
			if state&closed != 0 {
				return false
			}
			if state&gate == 0 {
				break
			}
			patience.wait()
		}
		if m.state.Add(unit) < gate {
			return true
		}
	}
}

// closeGate has the mapping for the caller alone until openGate, but for views. Those that are counted
// in refused are ErrBusy, at once, since a view may be waiting for this very call.
func (m *Map) closeGate(refused uint64) error {
	for {
		state := m.state.Load()
		if state&closed != 0 {
			return ErrClosed
		}
		if state&refused != 0 {
			return ErrBusy
		}
		if m.state.CompareAndSwap(state, state|gate) {
			break
		}
	}
	for patience := (backoff{}); m.state.Load()&operations != 0; {
		patience.wait()
	}
	return nil
}

func (m *Map) openGate() {
	if m.state.And(^gate)&^gate == closed {
		m.reclaim()
	}
}

// reclaim unmaps when the Map is closed and not in use, unless somebody else does.
func (m *Map) reclaim() error {
	if !m.state.CompareAndSwap(closed, closed|reclaimed) {
		return nil
	}
	return failure("close", m.path, closeHandle(m.handle))
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
