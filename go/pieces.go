package memmap

import "iter"

// Pieces are parts of a Map's bytes, in order: matches, lines, or windows into its file.
//
//	lines := m.Lines(0, memmap.ToEnd)
//	for offset, line := range lines.All() {
//		…
//	}
//	if err := lines.Err(); err != nil {
//		…
//	}
//
// Pieces are for one goroutine at a time. A Map may have many.
type Pieces struct {
	each func(yield func(int64, []byte) bool) error
	err  error
}

// A cut returns the next piece between two offsets.
type cut func(from, to int64) (piece, error)

// A piece is the range between two offsets. More pieces may follow from next on. If there is no piece, start is
// -1.
type piece struct{ start, end, next int64 }

// Matches returns the places where needle occurs between the offsets from and to ([ToEnd]: the end). They do
// not overlap: the search goes on behind each match. An empty needle occurs everywhere, at to as well.
//
// The needle must not be changed while the Pieces are in use.
func (m *Map) Matches(needle []byte, from, to int64) *Pieces {
	length := int64(len(needle))
	return m.pieces(from, to, func(from, to int64) (piece, error) {
		at, err := m.first(needle, from, to)
		return piece{at, at + length, at + max(length, 1)}, err
	})
}

var newline = []byte{'\n'}

// Lines returns the lines between the offsets from and to ([ToEnd]: the end), each with the newline at its end,
// as [bytes.Lines] does. Only the last line may have no newline. The bytes before the first newline are a line,
// also if from is in the middle of one.
func (m *Map) Lines(from, to int64) *Pieces {
	return m.pieces(from, to, func(from, to int64) (piece, error) {
		if from >= to {
			return piece{start: -1}, nil
		}
		at, err := m.first(newline, from, to)
		if at < 0 {
			return piece{from, to, to}, err
		}
		return piece{from, at + 1, at + 1}, nil
	})
}

func (m *Map) pieces(from, to int64, next cut) *Pieces {
	return &Pieces{each: func(yield func(int64, []byte) bool) error { return m.eachPiece(from, to, next, yield) }}
}

// All returns an iterator over the pieces, each with its offset. Nothing is copied. The Map is viewed from the
// first piece to the end of the loop: the rules of [Map.View] hold, and a slice must not be kept beyond. Bytes
// that the mapping grows by meanwhile are not included.
//
// The loop ends early if pages are lost or the Map is closed before it begins: call Err. Its body cannot be
// left at a byte that is lost after it was found, as Go does not let an iterator recover a panic of the body:
// the byte reads as zero, and Err returns [ErrFault]. In a [Try] around the loop, the first access to it ends
// both.
func (p *Pieces) All() iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		p.err = nil
		if p.each == nil { // The zero value.
			p.err = &Error{"read", "", ErrInvalid}
			return
		}
		p.err = p.each(yield)
	}
}

// Err returns why the last loop over All ended before all pieces were seen, nil if it did not or if its body
// ended it. It is [ErrFault] also if the last piece that the body was given was lost in part, so that the body
// may have read zeros: do not publish what it computed before that, or use [Try].
func (p *Pieces) Err() error { return p.err }

func (m *Map) eachPiece(from, to int64, next cut, yield func(int64, []byte) bool) (err error) {
	before := m.lastRecovered()
	if !m.enter(view) {
		return m.fail("read", ErrClosed)
	}
	at, caught := read, catch()
	defer m.endView("read", before, caught, &at, &err)
	to, err = m.bounds(from, to)
	if err != nil {
		at = over
		return m.fail("read", err)
	}
	data := m.bytes() // At least up to there: no view is cut.
	for {
		at = read
		found, err := next(from, to)
		more := false
		if err == nil && found.start >= 0 {
			at = loop
			release(caught)
			more = yield(found.start, data[found.start:found.end:found.end])
			catch()
		}
		at = over
		switch {
		case err != nil:
			return err
		case found.start < 0:
			return m.pieceLost(before, from, 0) // What was recovered meanwhile may have been searched as zeros.
		}
		if err := m.pieceLost(before, found.start, found.end-found.start); err != nil || !more {
			return err
		}
		from = found.next
	}
}
