package memmap

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
	"testing/iotest"
)

func TestReadAtFollowsReaderAt(t *testing.T) {
	text := "0123456789"
	m := open(t, newFile(t, text), nil)
	for _, c := range []struct {
		off  int64
		len  int
		want string
		err  error
	}{
		{0, 10, text, nil}, {3, 4, "3456", nil}, {8, 4, "89", io.EOF}, {10, 1, "", io.EOF}, {11, 1, "", io.EOF},
		{math.MaxInt64, 1, "", io.EOF}, {5, 0, "", nil}, {10, 0, "", nil},
	} {
		p := make([]byte, c.len)
		n, err := m.ReadAt(p, c.off)
		if string(p[:n]) != c.want || err != c.err {
			t.Errorf("%d bytes at %d: %q, %v", c.len, c.off, p[:n], err)
		}
	}
	for _, off := range []int64{-1, math.MinInt64} {
		_, err := m.ReadAt(make([]byte, 1), off)
		wants(t, "negative offset", err, ErrRange)
		_, err = m.ReadAt(nil, off)
		wants(t, "negative offset, no bytes", err, ErrRange)
	}
	succeeds(t, "iotest", iotest.TestReader(io.NewSectionReader(m, 0, m.Len()), []byte(text)))
}

func TestWriteAtIsAllOrNothing(t *testing.T) {
	path := newFile(t, "0123456789")
	m := open(t, path, writable)
	n, err := m.WriteAt([]byte("abc"), 7)
	if n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for _, off := range []int64{8, 10, 11, -1, math.MaxInt64, math.MinInt64} {
		n, err := m.WriteAt([]byte("xyz"), off)
		wants(t, "what does not fit", err, ErrRange)
		if n != 0 {
			t.Errorf("at %d: %d bytes", off, n)
		}
	}
	if n, err := m.WriteAt(nil, 10); n != 0 || err != nil {
		t.Errorf("nothing at the end: %d, %v", n, err)
	}
	if text := contents(t, path); text != "0123456abc" {
		t.Errorf("the file holds %q", text)
	}
}

func TestAReadOnlyMapRefusesEveryChange(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, nil)
	_, err := m.WriteAt([]byte("J"), 0)
	for what, err := range map[string]error{
		"WriteAt": err, "Fill": m.Fill(0, 1, 'J'), "Move": m.Move(0, 1, 1), "Resize": m.Resize(1),
		"Resize beyond the capacity": m.Resize(1 << 20),
	} {
		wants(t, what, err, ErrAccess)
	}
	if contents(t, path) != "Hello" {
		t.Error("the file was touched")
	}
}

func TestCopyOnWriteStaysInTheMapping(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, &Options{Access: CopyOnWrite})
	_, err := m.WriteAt([]byte("J"), 0)
	succeeds(t, "WriteAt", err)
	holdsText(t, m, "Jello")
	wants(t, "Flush", m.Flush(), ErrAccess)
	if contents(t, path) != "Hello" {
		t.Error("it reached the file")
	}
}

func TestAtIsOneByteInside(t *testing.T) {
	m := open(t, newFile(t, "abc"), nil)
	for i, want := range []byte("abc") {
		if b, err := m.At(int64(i)); b != want || err != nil {
			t.Errorf("at %d: %q, %v", i, b, err)
		}
	}
	for _, i := range []int64{3, -1, math.MaxInt64, math.MinInt64} {
		_, err := m.At(i)
		wants(t, "outside", err, ErrRange)
	}
}

func TestFillAndMoveStayInside(t *testing.T) {
	m := anonymous(t, 10, nil)
	succeeds(t, "Fill", m.Fill(2, 3, 'x'))
	succeeds(t, "Fill to the end", m.Fill(7, ToEnd, 'y'))
	holdsText(t, m, "\x00\x00xxx\x00\x00yyy")
	succeeds(t, "Fill with zero", m.Fill(3, 1, 0))
	succeeds(t, "Move", m.Move(0, 2, 4)) // The two overlap.
	holdsText(t, m, "x\x00x\x00x\x00\x00yyy")
	succeeds(t, "nothing at the end", errors.Join(m.Fill(10, 0, 'z'), m.Fill(10, ToEnd, 'z'), m.Move(10, 10, 0)))
	for _, r := range [][2]int64{{-1, 1}, {0, 11}, {10, 1}, {11, 0}, {11, ToEnd}, {-1, ToEnd}, {1, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64}, {0, -2}, {5, math.MinInt64}} {
		wants(t, "Fill outside", m.Fill(r[0], r[1], 'z'), ErrRange)
		wants(t, "Move outside", m.Move(r[0], 0, r[1]), ErrRange)
		wants(t, "Move from outside", m.Move(0, r[0], r[1]), ErrRange)
	}
	holdsText(t, m, "x\x00x\x00x\x00\x00yyy")
}

func TestFillCoversMoreThanItsSource(t *testing.T) {
	m := anonymous(t, 100_001, nil)
	succeeds(t, "Fill", m.Fill(0, ToEnd, 7))
	holdsText(t, m, string(bytes.Repeat([]byte{7}, 100_001)))
}

func TestWriteToHandsOverPiecesOfAMebibyte(t *testing.T) {
	m := anonymous(t, 2<<20+5, nil)
	succeeds(t, "Fill", m.Fill(1<<20, ToEnd, 'x'))
	var pieces []int
	var all bytes.Buffer
	n, err := m.WriteTo(writerFunc(func(p []byte) (int, error) {
		pieces = append(pieces, len(p))
		return all.Write(p)
	}))
	succeeds(t, "WriteTo", err)
	if n != 2<<20+5 || len(pieces) != 3 || pieces[0] != 1<<20 || pieces[2] != 5 {
		t.Errorf("%d bytes in %v", n, pieces)
	}
	holdsText(t, m, all.String())
}

func TestWriteToAnswersWhatTheWriterSays(t *testing.T) {
	m := anonymous(t, 3<<20, nil)
	broken := errors.New("broken")
	n, err := m.WriteTo(writerFunc(func(p []byte) (int, error) { return 7, broken }))
	if n != 7 || err != broken {
		t.Errorf("%d, %v", n, err)
	}
	n, err = m.WriteTo(writerFunc(func(p []byte) (int, error) { return 7, nil }))
	if n != 7 || err != io.ErrShortWrite {
		t.Errorf("%d, %v", n, err)
	}
	n, err = m.WriteTo(writerFunc(func(p []byte) (int, error) { return len(p), m.Close() }))
	wants(t, "closed by the writer", err, ErrClosed)
	if n != 1<<20 {
		t.Errorf("%d bytes before it was closed", n)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestFlushTakesAnyRangeInside(t *testing.T) {
	m := open(t, newFile(t, zeros(10_000)), writable)
	for _, mode := range []FlushMode{FlushSync, FlushAsync, FlushInvalidate} {
		for _, r := range [][2]int64{{0, ToEnd}, {0, 0}, {1, 1}, {4095, 2}, {9_999, 1}, {10_000, 0}, {10_000, ToEnd}} {
			succeeds(t, "flush", m.FlushWith(r[0], r[1], mode))
		}
		for _, r := range [][2]int64{{-1, 1}, {0, 10_001}, {10_001, 0}, {10_001, ToEnd}, {1, math.MaxInt64}, {0, -2},
			{-1, ToEnd}, {math.MaxInt64, math.MaxInt64}} {
			wants(t, "flush outside", m.FlushWith(r[0], r[1], mode), ErrRange)
		}
	}
	wants(t, "unknown mode", m.FlushWith(0, 1, 3), ErrInvalid)
	succeeds(t, "Flush", errors.Join(m.Flush(), m.FlushRange(5_000, 11)))
}

func TestACursorReadsWritesAndSeeks(t *testing.T) {
	m := anonymous(t, 10, nil)
	c := m.Cursor()
	if n, err := io.WriteString(c, "0123456789"); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	n, err := c.Write([]byte("x"))
	wants(t, "writing past the end", err, ErrRange)
	if n != 0 {
		t.Errorf("%d bytes past the end", n)
	}
	if _, err := c.ReadByte(); err != io.EOF {
		t.Errorf("reading past the end: %v", err)
	}
	succeeds(t, "iotest", iotest.TestReader(m.Cursor(), []byte("0123456789")))
	for _, s := range []struct {
		offset   int64
		whence   int
		position int64
	}{{3, io.SeekStart, 3}, {2, io.SeekCurrent, 5}, {-1, io.SeekEnd, 9}, {5, io.SeekEnd, 15}} {
		if position, err := c.Seek(s.offset, s.whence); position != s.position || err != nil {
			t.Errorf("%+v: %d, %v", s, position, err)
		}
	}
	_, err = c.Seek(-1, io.SeekStart)
	wants(t, "before the start", err, ErrRange)
	_, err = c.Seek(math.MaxInt64, io.SeekCurrent)
	wants(t, "position that overflows", err, ErrRange)
	_, err = c.Seek(0, 3)
	wants(t, "unknown whence", err, ErrInvalid)
	if position, _ := c.Seek(0, io.SeekCurrent); position != 15 {
		t.Errorf("a failed Seek moved the cursor to %d", position)
	}
}

func TestAnErrorOfAMethodNamesItselfAndTheFile(t *testing.T) {
	path := newFile(t, "Hello")
	_, err := open(t, path, nil).ReadAt(make([]byte, 1), -1)
	var e *Error
	if !errors.As(err, &e) || e.Op != "read" || e.Path != path {
		t.Errorf("%#v", err)
	}
}
