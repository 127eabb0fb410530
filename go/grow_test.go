package memmap

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

func TestGrowAnswersWhereTheNewBytesBegin(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	for _, c := range [][2]int64{{3, 5}, {0, 8}, {100_000, 8}} {
		if at, err := m.Grow(c[0]); at != c[1] || err != nil {
			t.Errorf("%d bytes more begin at %d, %v", c[0], at, err)
		}
	}
	if contents(t, path) != "Hello"+zeros(100_003) {
		t.Error("the file holds something else")
	}
	for n, want := range map[int64]error{-1: ErrInvalid, math.MinInt64: ErrInvalid, math.MaxInt64: ErrLimit,
		math.MaxInt64 - 100_008: ErrLimit} {
		_, err := m.Grow(n)
		wants(t, fmt.Sprint(n), err, want)
	}
	_, err := open(t, path, nil).Grow(1)
	wants(t, "read-only", err, ErrAccess)
	if m.Len() != 100_008 {
		t.Errorf("%d bytes", m.Len())
	}
}

func TestAMappingGrowsInPlaceUpToATebibyte(t *testing.T) {
	const tebibyte = 1 << 40
	path := filepath.Join(t.TempDir(), "file")
	file, err := Create(path, 5, &Options{Flags: Sparse, Capacity: tebibyte})
	succeeds(t, "Create", err)
	defer file.Close()
	for what, m := range map[string]*Map{
		"file":      file,
		"anonymous": anonymous(t, 5, &Options{Flags: Overcommit, Capacity: tebibyte}),
	} {
		succeeds(t, what, m.View(func(before []byte) error {
			for _, length := range []int64{100, 1 << 20, 1 << 30, 100 << 30, tebibyte} {
				if err := m.Resize(length); err != nil {
					return err
				}
				if _, err := m.WriteAt([]byte{7}, length-1); err != nil {
					return err
				}
			}
			if after := m.bytes(); &after[0] != &before[0] || len(after) != tebibyte || after[99] != 7 {
				t.Errorf("%s: %d bytes, moved: %v", what, len(after), &after[0] != &before[0])
			}
			_, err := m.Grow(1)
			wants(t, what+" beyond the capacity", err, ErrBusy)
			return nil
		}))
		succeeds(t, what, m.Resize(5))
	}
	status, err := os.Stat(path)
	succeeds(t, "Stat", err)
	if status.Size() != 5 {
		t.Errorf("the file has %d bytes", status.Size())
	}
}

// Writers grow the mapping and fill what they got, while readers hold views and look at what is there, each
// view for longer than many a growth.
func TestGrowingUnderManyViews(t *testing.T) {
	const writers, readers, times, piece = 8, 8, 800, 1000
	path := newFile(t, "")
	m := open(t, path, &Options{Access: ReadWrite, Capacity: writers * times * piece})
	start := m.data
	var growing, reading sync.WaitGroup
	finished := make(chan struct{})
	for writer := range writers {
		growing.Add(1)
		go func() {
			defer growing.Done()
			for i := range times {
				at, err := m.Grow(piece)
				if err == nil {
					_, err = m.WriteAt(bytes.Repeat([]byte{byte(1 + writer)}, piece-i), at)
				}
				if err != nil {
					t.Errorf("writer %d: %v", writer, err)
					return
				}
			}
		}()
	}
	for range readers {
		reading.Add(1)
		go func() {
			defer reading.Done()
			for done := false; !done; {
				select {
				case <-finished:
					done = true
				default:
				}
				if err := m.View(func(data []byte) error { return lookAround(m, data) }); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	growing.Wait()
	close(finished)
	reading.Wait()
	if m.data != start {
		t.Error("the mapping moved")
	}
	wholePieces(t, contents(t, path), writers, times, piece)
}

// lookAround is what a view does while the mapping grows: its bytes stay where they are, and it may ask for
// more than it has.
func lookAround(m *Map, data []byte) error {
	now := m.Len()
	if now < int64(len(data)) {
		return fmt.Errorf("a mapping of %d bytes has shrunk to %d under a view", len(data), now)
	}
	if now == 0 {
		return nil
	}
	value, err := m.At(now - 1)
	if err != nil || value > 8 {
		return fmt.Errorf("the last byte is %d, %w", value, err)
	}
	if inner := m.View(func(more []byte) error {
		if len(data) > 0 && &more[0] != &data[0] {
			return fmt.Errorf("the mapping moved under a view")
		}
		return nil
	}); inner != nil {
		return inner
	}
	return nil
}

// wholePieces checks that each piece of the text is one writer's, and that each has all of its own.
func wholePieces(t *testing.T, text string, writers, times, piece int) {
	t.Helper()
	if len(text) != writers*times*piece {
		t.Fatalf("the file has %d bytes", len(text))
	}
	written := map[byte]int{}
	for at := 0; at < len(text); at += piece {
		writer := text[at]
		own := bytes.Count([]byte(text[at:at+piece]), []byte{writer})
		if text[at:at+own] != string(bytes.Repeat([]byte{writer}, own)) || text[at+own:at+piece] != zeros(piece-own) {
			t.Fatalf("the piece at %d is not writer %d's alone", at, writer)
		}
		written[writer] += own
	}
	for writer := range writers {
		if want := times*piece - times*(times-1)/2; written[byte(1+writer)] != want {
			t.Errorf("writer %d has %d bytes of %d", writer, written[byte(1+writer)], want)
		}
	}
}

// Beyond the capacity growing moves the mapping: never under a view, and operations find it where it is.
func TestMovingUnderManyReaders(t *testing.T) {
	path := newFile(t, "0123456789")
	m := open(t, path, writable)
	var all sync.WaitGroup
	finished := make(chan struct{})
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			var p [10]byte
			for {
				select {
				case <-finished:
					return
				default:
				}
				if _, err := m.ReadAt(p[:], 0); err != nil || string(p[:]) != "0123456789" {
					t.Errorf("%q, %v", p, err)
					return
				}
			}
		}()
	}
	moves := 0
	for i := range 100 {
		before := m.data
		succeeds(t, "growing", m.Resize(10+64*page))
		if m.data != before {
			moves++
		}
		succeeds(t, "shrinking", m.Resize(10))
		anonymous(t, int64(1+i%64)*page, nil) // Somewhere; often in the place that has become free.
	}
	close(finished)
	all.Wait()
	if moves < 10 {
		programtest.Skip(t, "moving: the system found room in place nearly always; it moved %d times", moves)
	}
}
