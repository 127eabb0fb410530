package memmap

import (
	"slices"
	"sync"
)

// A Cell is in a mapping and holds the newest value that one writer has published, for readers in any process
// and language. No call waits for another: a reader never gets a torn value and writes nothing, so its Map may
// be read-only; a writer that is killed in the middle leaves the last whole value. In a file the value is kept:
// publishing flushes nothing (see [Map.Flush]), and after a crash of the machine readers get the newest value
// that is whole.
//
// Its methods may be called by several goroutines at once. Closing the Map is up to the caller.
type Cell struct {
	m        *Map
	offset   int64
	capacity int64
	allowed  int64      // The longest value that Read makes room for.
	writing  sync.Mutex // The goroutines that publish by this Cell are one writer.
}

// firstRoom is the first size of the buffer for a value whose length is not known.
const firstRoom = 4096

// CellSize returns how many bytes of a mapping a Cell for values of up to capacity bytes takes: a little more
// than four times as many.
func CellSize(capacity int64) (int64, error) {
	if capacity < 0 {
		return 0, &Error{"cell", "", ErrInvalid}
	}
	size, status := cellSize(uint64(capacity))
	return size, failure("cell", "", status)
}

// CreateCell creates a Cell at offset, a multiple of 8, for values of up to capacity bytes. An existing cell of
// that capacity is kept with its value, so a writer calls CreateCell whenever it starts; one of another
// capacity is [ErrCorrupt].
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

// Cell returns the cell that a writer has created at offset, or [ErrCorrupt] if there is none, or not yet.
//
// Any process that may write to the memory controls its capacity. The memory that [Cell.Read] allocates is
// bounded by the Options.Limit of the Map.
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

// Capacity returns the largest length of a value, in bytes, as the cell said when it was created or found. Do
// not allocate by it if its writer is not trusted.
func (c *Cell) Capacity() int64 { return c.capacity }

// Publish makes value the newest. There must be one writer at a time: of two in different processes, one value
// may be lost and readers may get an older one; see [Map.LockRange].
//
// Publish returns [ErrRange] if the value is longer than the capacity, and [ErrAccess] on a read-only Map.
func (c *Cell) Publish(value []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.m.enter(operation) {
		return c.m.fail("publish", ErrClosed)
	}
	defer c.m.leave(operation)
	return c.m.outcome("publish", publishCell(c.m.handle, uint64(c.offset), value))
}

// Read returns the newest value and its sequence number: 1 for the first that was published, 0 if there is none
// yet, which is no error. The value is in buf if it fits there, else in new memory: as much as the value takes,
// and no more than the capacity that [Map.CreateCell] was given, or for a Cell that was found the
// Options.Limit.
//
// Read returns [ErrLimit] for a value that is longer than that and does not fit in buf, [ErrCorrupt] if a crash
// of the machine left no value whole, and [ErrBusy] if the writer is so fast that a reader never gets through.
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
		room = min(2*room, c.capacity, c.allowed) // Not the capacity at once: its writer controls it.
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

// Sequence returns the sequence number of the newest value, without reading the value.
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
