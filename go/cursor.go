package memmap

import "io"

// A Cursor reads and writes a Map from one position on, as a file does. It is for one goroutine at a time; a
// Map may have many. Its end is the end of the mapping: writing does not make the Map longer.
type Cursor struct {
	m        *Map
	position int64
}

var (
	_ io.ReadWriteSeeker = (*Cursor)(nil)
	_ io.ByteReader      = (*Cursor)(nil)
)

// Cursor returns a new cursor at offset 0.
func (m *Map) Cursor() *Cursor { return &Cursor{m: m} }

// Read copies the next bytes into p. At the end it returns [io.EOF].
func (c *Cursor) Read(p []byte) (int, error) {
	n, err := c.m.ReadAt(p, c.position)
	c.position += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

// ReadByte returns the next byte. At the end it returns [io.EOF].
func (c *Cursor) ReadByte() (byte, error) {
	var next [1]byte
	_, err := c.Read(next[:])
	return next[0], err
}

// Write copies p to the position. If p does not fit, it writes nothing and returns [ErrRange].
func (c *Cursor) Write(p []byte) (int, error) {
	n, err := c.m.WriteAt(p, c.position)
	c.position += int64(n)
	return n, err
}

// Seek sets the position of the cursor, also past the end. A position before the start is [ErrRange].
func (c *Cursor) Seek(offset int64, whence int) (int64, error) {
	if !c.m.enter(operation) {
		return 0, c.m.fail("seek", ErrClosed)
	}
	length := c.m.length.Load()
	c.m.leave(operation)
	start, known := map[int]int64{io.SeekStart: 0, io.SeekCurrent: c.position, io.SeekEnd: length}[whence]
	if !known {
		return 0, c.m.fail("seek", ErrInvalid)
	}
	position := start + offset
	if position < 0 { // Also when the sum overflows: start is never negative.
		return 0, c.m.fail("seek", ErrRange)
	}
	c.position = position
	return position, nil
}
