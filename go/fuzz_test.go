package memmap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A script is what a fuzzer's bytes mean: operations on a Map and its cursor, and on an os.File of the same
// contents beside it, which has to return the same.
type script struct{ bytes []byte }

// next is a number below n, 0 where the script has ended.
func (s *script) next(n int) int {
	var word [2]byte
	s.bytes = s.bytes[copy(word[:], s.bytes):]
	return int(binary.LittleEndian.Uint16(word[:])) % n
}

// place is an offset or a length around which code errs: before the start, at the end, past it.
func (s *script) place(size int64) int64 {
	at := int64(s.next(5*4096)) - 8
	switch s.next(4) {
	case 0:
		return size + at%8
	case 1:
		return at % 64
	default:
		return at
	}
}

// A pair is the Map with its cursor, and the file that does the same by system calls.
type pair struct {
	*testing.T
	path   string
	m      *Map
	cursor *Cursor
	file   *os.File
	closed bool
}

func (p *pair) size() int64 {
	info, err := p.file.Stat()
	if err != nil {
		p.Fatal(err)
	}
	return info.Size()
}

// same fails unless both have returned the same number of bytes, and both an error or neither. A closed Map is
// always an error.
func (p *pair) same(what string, n int64, err error, wanted int64, wantedErr error) {
	p.Helper()
	if p.closed {
		if !errors.Is(err, ErrClosed) || !errors.Is(err, fs.ErrClosed) {
			p.Fatalf("%s of a closed Map: %v", what, err)
		}
		return
	}
	if n != wanted || (err == nil) != (wantedErr == nil) || (err == io.EOF) != (wantedErr == io.EOF) {
		p.Fatalf("%s: %d, %v; the file: %d, %v", what, n, err, wanted, wantedErr)
	}
}

func (p *pair) sameBytes(what string, got, wanted []byte) {
	p.Helper()
	if !p.closed && !bytes.Equal(got, wanted) {
		p.Fatalf("%s: other bytes", what)
	}
}

func (p *pair) readAt(s *script) {
	off, length := s.place(p.size()), s.next(9000)
	got, wanted := make([]byte, length), make([]byte, length)
	n, err := p.m.ReadAt(got, off)
	w, wantedErr := p.file.ReadAt(wanted, off)
	if length == 0 && off >= 0 {
		wantedErr = nil // An os.File returns no error here, wherever that is.
	}
	p.same("ReadAt", int64(n), err, int64(w), wantedErr)
	p.sameBytes("ReadAt", got[:n], wanted[:w])
}

// fits is the result of writing length bytes at off, which for a mapping never makes it longer.
func (p *pair) fits(off int64, length int) error {
	if off < 0 || off > p.size() || int64(length) > p.size()-off {
		return ErrRange
	}
	return nil
}

func (p *pair) writeAt(s *script) {
	off, data := s.place(p.size()), bytes.Repeat([]byte{byte(s.next(256))}, s.next(9000))
	n, err := p.m.WriteAt(data, off)
	wantedErr := p.fits(off, len(data))
	var w int
	if wantedErr == nil && !p.closed {
		w, wantedErr = p.file.WriteAt(data, off)
	}
	p.same("WriteAt", int64(n), err, int64(w), wantedErr)
	if wantedErr != nil && !p.closed && !errors.Is(err, ErrRange) {
		p.Fatalf("WriteAt: %v", err)
	}
}

func (p *pair) read(s *script) {
	length := 1 + s.next(5000) // An os.File asked for nothing says nothing of its end.
	got, wanted := make([]byte, length), make([]byte, length)
	n, err := p.cursor.Read(got)
	if p.closed {
		p.same("Read", int64(n), err, 0, nil)
		return
	}
	w, wantedErr := p.file.Read(wanted)
	p.same("Read", int64(n), err, int64(w), wantedErr)
	p.sameBytes("Read", got[:n], wanted[:w])
}

func (p *pair) write(s *script) {
	data := bytes.Repeat([]byte{byte(s.next(256))}, s.next(5000))
	at, _ := p.file.Seek(0, io.SeekCurrent)
	n, err := p.cursor.Write(data)
	wantedErr := p.fits(at, len(data))
	var w int
	if wantedErr == nil && !p.closed {
		w, wantedErr = p.file.Write(data)
	}
	p.same("Write", int64(n), err, int64(w), wantedErr)
}

func (p *pair) seek(s *script) {
	offset, whence := s.place(p.size()), s.next(4)
	at, err := p.cursor.Seek(offset, whence)
	if p.closed {
		p.same("Seek", at, err, 0, nil)
		return
	}
	if whence == 3 { // The system's SEEK_DATA, which io doesn't know.
		if !errors.Is(err, ErrInvalid) {
			p.Fatalf("Seek with whence 3: %v", err)
		}
		return
	}
	wanted, wantedErr := p.file.Seek(offset, whence)
	p.same("Seek", at, err, wanted, wantedErr)
}

func (p *pair) resize(s *script) {
	n := s.place(p.size())
	err := p.m.Resize(n)
	if p.closed {
		p.same("Resize", 0, err, 0, nil)
		return
	}
	// The file has the Map's size already; asked again, the system says whether it is one.
	p.same("Resize", 0, err, 0, p.file.Truncate(n))
}

// cut has somebody else give the file another size, which Refresh then takes.
func (p *pair) cut(s *script) {
	size := max(0, s.place(p.size()))
	if err := os.Truncate(p.path, size); err != nil {
		p.Fatal(err)
	}
	n, err := p.m.Refresh()
	p.same("Refresh", n, err, size, nil)
}

func (p *pair) at(s *script) {
	off := s.place(p.size())
	var wanted [1]byte
	w, wantedErr := p.file.ReadAt(wanted[:], off)
	got, err := p.m.At(off)
	if p.closed {
		p.same("At", 0, err, 0, nil)
	} else if (err == nil) != (wantedErr == nil) || w == 1 && got != wanted[0] {
		p.Fatalf("At(%d): %d, %v; the file: %d, %v", off, got, err, wanted[0], wantedErr)
	}
}

func (p *pair) find(s *script) {
	needle := bytes.Repeat([]byte{byte(s.next(4))}, s.next(5))
	from, to := s.place(p.size()), s.place(p.size())
	got, err := p.m.Find(needle, from, to)
	size := p.size()
	switch {
	case p.closed:
		p.same("Find", got, err, 0, nil)
	case from < 0 || to < -1 || from > size || to > size:
		p.same("Find", 0, err, 0, ErrRange)
	default:
		p.same("Find", got, err, p.found(needle, from, to), nil)
	}
}

// found is where bytes.Index finds it.
func (p *pair) found(needle []byte, from, to int64) int64 {
	data, err := os.ReadFile(p.path)
	if err != nil {
		p.Fatal(err)
	}
	if to == ToEnd {
		to = int64(len(data))
	}
	if from > to {
		return -1
	}
	at := bytes.Index(data[from:to], needle)
	if at < 0 {
		return -1
	}
	return from + int64(at)
}

func (p *pair) writeTo(*script) {
	var got bytes.Buffer
	n, err := p.m.WriteTo(&got)
	wanted, _ := os.ReadFile(p.path)
	p.same("WriteTo", n, err, int64(len(wanted)), nil)
	p.sameBytes("WriteTo", got.Bytes(), wanted)
}

func (p *pair) flush(s *script) {
	off, length := s.place(p.size()), s.place(p.size())
	err := p.m.FlushRange(off, length)
	inside := length == ToEnd && off >= 0 && off <= p.size() || holds(int(p.size()), off, length)
	var wanted error
	if !inside {
		wanted = ErrRange
	}
	p.same("FlushRange", 0, err, 0, wanted)
}

func (p *pair) len(*script) {
	wanted := p.size()
	if p.closed {
		wanted = 0
	}
	if p.m.Len() != wanted {
		p.Fatalf("Len: %d, not %d", p.m.Len(), wanted)
	}
}

func (p *pair) close(s *script) {
	if s.next(4) == 0 { // Seldom: not much happens afterwards.
		err := p.m.Close()
		p.same("Close", 0, err, 0, nil)
		p.closed = true
	}
}

func FuzzMap(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("every operation once, from the first to the last, with numbers of letters"))
	f.Add(bytes.Repeat([]byte{0, 0, 7, 1, 255, 255, 3, 0, 1, 2, 4, 0, 80, 16}, 30))
	operations := []func(*pair, *script){
		(*pair).readAt, (*pair).writeAt, (*pair).read, (*pair).write, (*pair).seek, (*pair).resize, (*pair).cut,
		(*pair).at, (*pair).find, (*pair).writeTo, (*pair).flush, (*pair).len, (*pair).close,
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &script{data}
		path := filepath.Join(t.TempDir(), "file")
		content := bytes.Repeat([]byte{0, 1, 2, 3, 3}, s.next(4000))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path, &Options{Access: ReadWrite, Capacity: int64(s.next(3)) * 8192})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		p := &pair{t, path, m, m.Cursor(), file, false}
		for count := 0; len(s.bytes) > 0 && count < 300; count++ {
			operations[s.next(len(operations))](p, s)
		}
		p.writeTo(s)
	})
}
