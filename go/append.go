package memmap

import (
	"errors"
	"io"
)

// An Appender writes behind the end of a Map. It makes the Map longer ahead of what is written, twice as
// long each time, so that many small writes cost few resizes, and Close cuts off what is left over.
//
// Until then the mapping and its file are longer than what was written, and the rest is zeros. So they
// are after a crash, or when Close is forgotten: whoever opens the file next has to know from its
// contents where they end, and to [Map.Resize] it to there before appending. Close makes nothing durable;
// see [Map.FlushRange].
//
// It is for one goroutine at a time, and nobody else may resize the Map meanwhile; reading and viewing it
// is fine. With a Capacity that suffices, views are no obstacle to its growth, though they are to the cut
// at the end.
type Appender struct {
	m      *Map
	end    int64
	err    error // The first that occurred: nothing is written after it.
	closed bool
}

var _ io.WriteCloser = (*Appender)(nil)

const (
	// A mapping that doubles from nothing on would grow often at first.
	leastAhead = 64 << 10
	// Doubling what is large already would reserve more of the disk than it saves time.
	mostAhead = 1 << 30
)

// Appender is a new appender at the end of the mapping.
func (m *Map) Appender() *Appender { return &Appender{m: m, end: m.Len()} }

// Len is how many bytes of the mapping are written: those that it had, and what was appended. The next
// write goes there.
func (a *Appender) Len() int64 { return a.end }

// Write appends p: all of it, or nothing and an error, which every later Write answers too. The errors are
// those of [Map.Resize] and [Map.WriteAt].
func (a *Appender) Write(p []byte) (int, error) {
	if a.closed {
		return 0, a.m.fail("append", ErrClosed)
	}
	if a.err == nil {
		a.err = a.write(p)
	}
	if a.err != nil {
		return 0, a.err
	}
	return len(p), nil
}

func (a *Appender) write(p []byte) error {
	if err := a.makeRoom(a.end + int64(len(p))); err != nil {
		return err
	}
	n, err := a.m.WriteAt(p, a.end)
	a.end += int64(n)
	return err
}

// makeRoom sees to it that the mapping is at least needed bytes long.
func (a *Appender) makeRoom(needed int64) error {
	if needed <= a.m.Len() {
		return nil
	}
	info, err := a.m.Info()
	if err != nil {
		return err
	}
	ahead := ahead(info, needed)
	err = a.m.Resize(ahead)
	if err != nil && ahead > needed {
		return a.m.Resize(needed) // There may be room for this much.
	}
	return err
}

// ahead is which length to give the mapping when needed bytes are needed.
func ahead(now Info, needed int64) int64 {
	length := max(needed, now.Length+min(max(now.Length, leastAhead), mostAhead))
	if needed <= now.Capacity {
		return min(length, now.Capacity) // Not moving is worth more than growing less often.
	}
	return length
}

// Close cuts the mapping and its file to what was written, and answers the error that a Write answered, if
// any. The Map stays open.
//
// Where the cut is not possible it answers why, and may be called again: [ErrBusy] is a Map that is viewed.
// After it has succeeded it is [ErrClosed].
func (a *Appender) Close() error {
	if a.closed {
		return a.m.fail("append", ErrClosed)
	}
	if err := a.m.Resize(min(a.end, a.m.Len())); err != nil {
		return errors.Join(err, a.err)
	}
	a.closed = true
	return a.err
}
