package memmap

import (
	"errors"
	"io"
	"os"
	"syscall"
)

var pageSize = os.Getpagesize()

// WriteTo writes the mapping's bytes to w, without copying them, in pieces of at most 1 MiB. The mapping may be
// resized between two pieces, and closed at any time.
//
// WriteTo returns [ErrFault] if a byte of a piece is lost: w is left at the first of them, as the function of a
// [Map.View], and some of the piece may have been written. A system call that is passed a lost page fails with
// EFAULT, for which WriteTo returns ErrFault too.
func (m *Map) WriteTo(w io.Writer) (int64, error) {
	var done int64
	for {
		n, end, err := m.writePiece(w, done)
		done += int64(n)
		if end || err != nil {
			return done, err
		}
	}
}

func (m *Map) writePiece(w io.Writer, from int64) (n int, end bool, err error) {
	before := m.lastRecovered()
	if !m.enter(view) { // Not an operation: w may take long.
		return 0, true, m.fail("read", ErrClosed)
	}
	at := read
	defer m.endView("read", before, catch(), &at, &err)
	const most = 1 << 20
	data := m.bytes()
	if from >= int64(len(data)) {
		at = over
		return 0, true, nil
	}
	piece := data[from:min(from+most, int64(len(data)))]
	n, err = w.Write(piece[:len(piece):len(piece)])
	if errors.Is(err, syscall.EFAULT) {
		touch(piece)
	}
	at = over
	if lost := m.pieceLost(before, from, int64(len(piece))); lost != nil {
		return n, false, lost
	}
	if err == nil && n != len(piece) {
		err = io.ErrShortWrite
	}
	return n, false, err
}

func (m *Map) pieceLost(before *FaultError, from, length int64) error {
	err := m.intact(from, length) // First: as in told.
	if now := m.recovered.Load(); now != before {
		return m.fail("read", now)
	}
	if err != nil {
		return m.fail("read", err)
	}
	return nil
}

// touch loads from every page of data. A system call that is passed a lost page fails with EFAULT and raises no
// signal, so that nothing records the loss. Without the guard touch does nothing, since the load would end the
// program.
func touch(data []byte) {
	if guarding.Load() != guardOn {
		return
	}
	for i := 0; i < len(data); i += pageSize {
		load(&data[i])
	}
}

// load is not inlined: the compiler would leave out a load whose value is not used.
//
//go:noinline
func load(at *byte) byte { return *at }
