package memmap

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestSuccessDoesNotAllocate(t *testing.T) {
	path := newFile(t, zeros(4096))
	m := open(t, path, writable)
	data, err := BasicMmap(path)
	succeeds(t, "BasicMmap", err)
	defer UnmapMemory(data)
	c := m.Cursor()
	a := anonymous(t, 0, nil).Appender()
	p := [64]byte{1: 'x'} // Nowhere, so that the search goes on in the library.
	nothing := func([]byte) error { return nil }
	for what, f := range map[string]func() error{
		"ReadAt":     func() error { _, err := m.ReadAt(p[:], 64); return err },
		"WriteAt":    func() error { _, err := m.WriteAt(p[:], 64); return err },
		"At":         func() error { _, err := m.At(64); return err },
		"View":       func() error { return m.View(nothing) },
		"Bytes":      func() error { m.Bytes(); return nil },
		"Fill":       func() error { return m.Fill(0, ToEnd, 1) },
		"Move":       func() error { return m.Move(0, 1, 64) },
		"Info":       func() error { _, err := m.Info(); return err },
		"WriteTo":    func() error { _, err := m.WriteTo(io.Discard); return err },
		"Fault":      func() error { return m.Fault() },
		"Check":      func() error { return m.Check(0, ToEnd) },
		"Recover":    func() error { return m.Recover() },
		"FlushRange": func() error { return m.FlushWith(0, 64, FlushAsync) },
		"Resize":     func() error { return m.Resize(4096) },
		"Refresh":    func() error { _, err := m.Refresh(); return err },
		"Advise":     func() error { return m.Advise(0, ToEnd, AdviceNormal) },
		"Prefault":   func() error { return m.Prefault(0, ToEnd, PrefaultRead) },
		"Resident":   func() error { _, err := m.Resident(0, ToEnd); return err },
		"LockMemory": func() error { return errors.Join(m.LockMemory(0, 1), m.UnlockMemory(0, 1)) },
		"Protect":    func() error { return m.Protect(ReadWrite) },
		"Find":       func() error { _, err := m.Find(p[:], 0, ToEnd); return err },
		"FindLast":   func() error { _, err := m.FindLast(p[:], 0, ToEnd); return err },
		"Grow":       func() error { _, err := m.Grow(0); return err },
		"Append":     func() error { _, err := a.Write(p[:]); return err },
		"Cursor": func() error {
			c.Seek(0, io.SeekStart)
			_, err := c.Read(p[:])
			return err
		},
		"WriteToMmap": func() error { return WriteToMmap(data[100:], p[:1]) },
		"BasicMmap and UnmapMemory": func() error {
			data, err := BasicMmap(path)
			if err != nil {
				return err
			}
			return UnmapMemory(data)
		},
	} {
		allocations := testing.AllocsPerRun(20, func() {
			if err := f(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", what, allocations)
		}
	}
}

func TestALoopAllocatesForItselfAndNotForItsPieces(t *testing.T) {
	m := filled(t, bytes.Repeat([]byte("a line\n"), 1000))
	for what, pieces := range map[string]*Pieces{
		"Lines": m.Lines(0, ToEnd), "Matches": m.Matches([]byte("line"), 0, ToEnd),
	} {
		n := 0
		allocations := testing.AllocsPerRun(20, func() {
			n = 0
			for range pieces.All() {
				n++
			}
		})
		if n != 1000 || allocations > 4 {
			t.Errorf("%s: %v allocations for %d pieces", what, allocations, n)
		}
	}
}
