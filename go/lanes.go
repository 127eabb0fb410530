package memmap

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Lanes count operations and views as a Map's state does, in several words that together are one count. A word
// that all processors write to moves from cache to cache, which takes many times as long as the counting. With
// lanes each goroutine has words that it most likely writes to alone.
//
// A goroutine may leave in another lane than it entered: only the sums have a meaning. Lanes take 8 KiB, so
// they are made only where goroutines have met often; then they stay.
type lanes [laneCount]lane

const (
	laneBits  = 6
	laneCount = 1 << laneBits
)

// A lane fills two cache lines, since processors prefetch the neighbour too.
type lane struct {
	entered, left atomic.Uint64 // They only grow, and wrap.
	_             [112]byte
}

// own returns the calling goroutine's lane, by the address of its stack: a stack has 2 KiB at least.
func (l *lanes) own() *lane {
	var here byte
	block := uint64(uintptr(unsafe.Pointer(&here)) >> 11)
	return &l[block*0x9e37_79b9_7f4a_7c15>>(64-laneBits)] // Fibonacci hashing (Knuth, TAOCP 3, 6.4).
}

func (l *lanes) entered() (sum uint64) {
	for i := range l {
		sum += l[i].entered.Load()
	}
	return sum
}

func (l *lanes) left() (sum uint64) {
	for i := range l {
		sum += l[i].left.Load()
	}
	return sum
}

// Meetings counts how often goroutines met in one word, to detect when that costs time: a meeting takes some
// 100 ns, so that 64 in a millisecond take about a hundredth of it.
type meetings struct {
	count atomic.Uint32
	since atomic.Int64
}

const (
	tooMany = 64
	tooSoon = int64(time.Millisecond)
)

// add counts a meeting and reports whether it was one of a crowd. It reads the clock, in nanoseconds, once in
// tooMany meetings.
func (m *meetings) add(clock func() int64) bool {
	if m.count.Add(1)%tooMany != 0 {
		return false
	}
	now := clock()
	return now-m.since.Swap(now) < tooSoon
}

var started = time.Now()

// clock is monotonic. It begins as if much time had passed since any meeting.
func clock() int64 { return tooSoon + int64(time.Since(started)) }
