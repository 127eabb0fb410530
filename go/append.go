package memmap

import (
	"context"
	"errors"
	"io"
	"syscall"
)

// An Appender writes behind the end of a Map. It makes the Map longer ahead of what is written, twice as long
// each time, so that many small writes cost few resizes. Close cuts off what is left over.
//
// Until then the mapping and its file are longer than what was written, and the rest is zeros. That is also so
// after a crash, or if Close is not called: the program that opens the file next has to find the end in the
// contents, and to [Map.Resize] the file to there before it appends. Close makes nothing durable; see
// [Map.FlushRange].
//
// An Appender is for one goroutine at a time. Meanwhile nothing else may resize the Map or append to its file;
// reading and viewing it is allowed. With a sufficient Capacity, views do not hinder its growth, but they
// hinder the cut at the end; the Appender of [Map.AppenderContext] waits for them.
type Appender struct {
	m      *Map
	end    int64
	resize func(int64) error
	last   error // Of the last Write.
	closed bool
}

var _ io.WriteCloser = (*Appender)(nil)

const (
	// A mapping that doubles from nothing on would grow often at first.
	leastAhead = 64 << 10
	// Doubling what is large already would reserve more of the disk than it saves time.
	mostAhead = 1 << 30
)

// Appender returns a new appender at the end of the mapping. Where it would have to wait for views to end, its
// Write and Close return [ErrBusy].
func (m *Map) Appender() *Appender { return &Appender{m: m, end: m.Len(), resize: m.Resize} }

// AppenderContext returns an Appender that waits for views to end, as [Map.ResizeContext] does, until ctx is
// done: then Write and Close return the error of ctx where they would have to wait. In a View of the same
// goroutine it waits for that view.
func (m *Map) AppenderContext(ctx context.Context) *Appender {
	resize := func(n int64) error { return m.ResizeContext(ctx, n) }
	return &Appender{m: m, end: m.Len(), resize: resize}
}

// Len returns how many bytes of the mapping are written: those that it had, and those appended. The next write
// goes there.
func (a *Appender) Len() int64 { return a.end }

// Write appends p: all of it, or nothing and an error. The errors are those of [Map.Resize] and [Map.WriteAt].
//
// After an error that may pass, such as [ErrBusy] or a full disk, the next Write tries again at the same place.
// An error that puts in doubt what was appended before is returned by every later Write too: [ErrFault];
// [ErrRange], if other code has cut the Map; EIO.
func (a *Appender) Write(p []byte) (int, error) {
	if a.closed {
		return 0, a.m.fail("append", ErrClosed)
	}
	if !stays(a.last) {
		a.last = a.write(p)
	}
	if a.last != nil {
		return 0, a.last
	}
	return len(p), nil
}

// stays reports whether an error leaves in doubt what was appended before. After other errors nothing has
// changed.
func stays(err error) bool {
	for _, doubtful := range []error{ErrFault, ErrRange, ErrPanic, syscall.EIO} {
		if errors.Is(err, doubtful) {
			return true
		}
	}
	return false
}

func (a *Appender) write(p []byte) error {
	if err := a.makeRoom(a.end + int64(len(p))); err != nil {
		return err
	}
	n, err := a.m.WriteAt(p, a.end)
	a.end += int64(n)
	return err
}

// makeRoom makes the mapping at least needed bytes long.
func (a *Appender) makeRoom(needed int64) error {
	if needed <= a.m.Len() {
		return nil
	}
	info, err := a.m.Info()
	switch {
	case err != nil:
		return err
	case info.Length < a.end:
		return a.m.fail("append", ErrRange)
	}
	ahead := ahead(info, needed)
	err = a.resize(ahead)
	if err != nil && ahead > needed && !stays(err) {
		return a.resize(needed) // There may be room for this much.
	}
	return err
}

// ahead returns the length to give the mapping when needed bytes are needed.
func ahead(now Info, needed int64) int64 {
	length := max(needed, now.Length+min(max(now.Length, leastAhead), mostAhead))
	if needed <= now.Capacity {
		return min(length, now.Capacity) // Not moving is worth more than growing less often.
	}
	return length
}

// Close cuts the mapping and its file to what was written, and returns the error of the last Write, if it
// failed. The Map stays open.
//
// If the cut is not possible, Close returns why and may be called again: [ErrBusy] means that the Map is
// viewed. After it has succeeded, it returns [ErrClosed].
func (a *Appender) Close() error {
	if a.closed {
		return a.m.fail("append", ErrClosed)
	}
	if err := a.cut(); err != nil {
		return errors.Join(err, a.last)
	}
	a.closed = true
	if a.last == nil && a.m.Len() < a.end {
		a.last = a.m.fail("append", ErrRange)
	}
	return a.last
}

func (a *Appender) cut() error {
	if a.resize == nil {
		return a.m.fail("append", ErrInvalid) // The zero value.
	}
	return a.resize(min(a.end, a.m.Len()))
}
