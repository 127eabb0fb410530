package memmap

import (
	"slices"
	"sync"
)

// A Cell is in a mapping, and holds the newest value that one writer has published, for readers in any
// process and language. Nobody waits for anybody: a reader never gets a torn value and writes nothing,
// so its Map may be read-only; a writer that is killed in the middle leaves the last whole value. In
// a file it lasts: publishing flushes nothing (see [Map.Flush]), and after a crash of the machine readers get
// the newest value that is whole.
//
// Any goroutine may call any method. The Map is the caller's to close.
type Cell struct {
	m        *Map
	offset   int64
	capacity int64
	allowed  int64      // How long a value may be that Read makes room for.
	writing  sync.Mutex // The goroutines that publish by this Cell are one writer.
}

// firstRoom is what is taken for a value whose length isn't known.
const firstRoom = 4096

// CellSize is how many bytes of a mapping a Cell takes for values of up to capacity bytes: a little more
// than four times as many.
func CellSize(capacity int64) (int64, error) {
	if capacity < 0 {
		return 0, &Error{"cell", "", ErrInvalid}
	}
	size, status := cellSize(uint64(capacity))
	return size, failure("cell", "", status)
}

// CreateCell makes a Cell at offset, a multiple of 8, for values of up to capacity bytes. One of that
// capacity that is there is kept with its value, so a writer calls this whenever it starts; one of
// another capacity is [ErrCorrupt].
func (m *Map) CreateCell(offset, capacity int64) (*Cell, error) {
	if offset < 0 || capacity < 0 {
		return nil, m.refused("cell", ErrInvalid)
	}
	if !m.enter(operation) {
		return nil, m.fail("cell", ErrClosed)
	}
	status := createCell(m.handle, uint64(offset), uint64(capacity))
	m.leave(operation)
	if status != 0 {
		return nil, m.outcome("cell", status)
	}
	return &Cell{m: m, offset: offset, capacity: capacity, allowed: capacity}, nil
}

// Cell is the one that a writer has made at offset; [ErrCorrupt] when there is none, or not yet.
//
// Whoever may write to the memory says what its capacity is. What [Cell.Read] takes of memory is bounded by the
// options' Limit that the Map was opened with.
func (m *Map) Cell(offset int64) (*Cell, error) {
	c := &Cell{m: m, offset: offset}
	capacity, _, err := c.look()
	if err != nil {
		return nil, err
	}
	c.capacity, c.allowed = capacity, m.limit
	if m.limit == 0 {
		c.allowed = DefaultCellLimit
	}
	return c, nil
}

// Capacity is how long a value may be, in bytes, as the cell said when it was made or found: no size to take memory by
// where its writer isn't trusted.
func (c *Cell) Capacity() int64 { return c.capacity }

// Publish makes value the newest. There is one writer at a time: of two in different processes, one value
// may be lost and readers may have to do with an older one; see [Map.LockRange].
//
// It is [ErrRange] for more than the capacity, and [ErrAccess] on a read-only Map.
func (c *Cell) Publish(value []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.m.enter(operation) {
		return c.m.fail("publish", ErrClosed)
	}
	defer c.m.leave(operation)
	return c.m.outcome("publish", publishCell(c.m.handle, uint64(c.offset), value))
}

// Read is the newest value and which one it is: 1 for the first that was published, 0 when there is none yet,
// which is no error. The value is in buf if that has room for it, and else in new memory: what it takes, and no more
// than the capacity that [Map.CreateCell] was given, or for a Cell that was found the options' Limit.
//
// It is [ErrLimit] for a value that is longer than that and has no room in buf, [ErrCorrupt] when a crash of the machine left no
// value whole, and [ErrBusy] if the writer is so fast that a reader never gets through.
func (c *Cell) Read(buf []byte) (value []byte, sequence uint64, err error) {
	room := int64(cap(buf))
	if room < c.capacity {
		room = max(room, min(c.capacity, c.allowed, firstRoom))
	}
	for {
		buf = slices.Grow(buf[:0], int(room))[:room]
		length, sequence, status, entered := c.read(buf)
		switch {
		case !entered:
			return nil, 0, c.m.fail("read", ErrClosed)
		case status == 0:
			return buf[:length], sequence, nil
		case status != statusRange || room >= c.capacity:
			return nil, 0, c.m.outcome("read", status)
		case room >= c.allowed:
			return nil, 0, c.m.fail("read", ErrLimit)
		}
		room = min(2*room, c.capacity, c.allowed) // Not the capacity at once, which is its writer's word.
	}
}

func (c *Cell) read(buf []byte) (length int, sequence uint64, status int32, entered bool) {
	if !c.m.enter(operation) {
		return 0, 0, 0, false
	}
	defer c.m.leave(operation)
	length, sequence, status = readCell(c.m.handle, uint64(c.offset), buf)
	return length, sequence, status, true
}

// Sequence is which value is the newest: whether there is anything new costs as little as that.
func (c *Cell) Sequence() (uint64, error) {
	_, sequence, err := c.look()
	return sequence, err
}

func (c *Cell) look() (capacity int64, sequence uint64, err error) {
	if c.offset < 0 {
		return 0, 0, c.m.refused("cell", ErrInvalid)
	}
	if !c.m.enter(operation) {
		return 0, 0, c.m.fail("cell", ErrClosed)
	}
	defer c.m.leave(operation)
	capacity, sequence, status := lookCell(c.m.handle, uint64(c.offset))
	return capacity, sequence, c.m.outcome("cell", status)
}
