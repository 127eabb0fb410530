package memmap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

// newCell is a cell in a file, and the same for a reader.
func newCell(t testing.TB, capacity int64) (writer, reader *Cell) {
	t.Helper()
	size, err := CellSize(capacity)
	succeeds(t, "CellSize", err)
	path := newFile(t, zeros(int(size)))
	writer, err = open(t, path, writable).CreateCell(0, capacity)
	succeeds(t, "CreateCell", err)
	reader, err = open(t, path, nil).Cell(0)
	succeeds(t, "Cell", err)
	return writer, reader
}

func TestAReaderGetsTheNewestValue(t *testing.T) {
	writer, reader := newCell(t, 100)
	if value, sequence, err := reader.Read(nil); len(value) != 0 || sequence != 0 || err != nil {
		t.Error(value, sequence, err)
	}
	var buf []byte
	for i := range 20 {
		want := bytes.Repeat([]byte{byte(i)}, i*5)
		succeeds(t, "Publish", writer.Publish(want))
		value, sequence, err := reader.Read(buf)
		if !bytes.Equal(value, want) || sequence != uint64(i+1) || err != nil {
			t.Error(i, value, sequence, err)
		}
		if i > 0 && &value[:1][0] != &buf[:1][0] {
			t.Error("the buffer wasn't used again")
		}
		buf = value
	}
	if now, err := reader.Sequence(); now != 20 || err != nil {
		t.Error(now, err)
	}
	if reader.Capacity() != 100 {
		t.Error(reader.Capacity())
	}
	wants(t, "Publish of too much", writer.Publish(make([]byte, 101)), ErrRange)
	wants(t, "Publish by a reader", reader.Publish(nil), ErrAccess)
}

func TestACellOutlivesItsWriter(t *testing.T) {
	size, _ := CellSize(8)
	path := newFile(t, zeros(int(size)))
	for i := range 3 {
		m := open(t, path, writable)
		cell, err := m.CreateCell(0, 8)
		succeeds(t, "CreateCell", err)
		if _, sequence, err := cell.Read(nil); sequence != uint64(i) || err != nil {
			t.Error(sequence, err)
		}
		succeeds(t, "Publish", cell.Publish([]byte{byte(i)}))
		succeeds(t, "Close", m.Close())
	}
}

func TestWhatIsNoCellSaysSo(t *testing.T) {
	m := anonymous(t, 4096, nil)
	_, err := m.Cell(0)
	wants(t, "Cell", err, ErrCorrupt)
	_, err = m.Cell(-8)
	wants(t, "Cell", err, ErrInvalid)
	_, err = m.Cell(4090)
	wants(t, "Cell", err, ErrRange)
	_, err = m.CreateCell(1, 8)
	wants(t, "CreateCell", err, ErrInvalid)
	_, err = m.CreateCell(0, 0)
	wants(t, "CreateCell", err, ErrInvalid)
	_, err = m.CreateCell(0, -1)
	wants(t, "CreateCell", err, ErrInvalid)
	_, err = m.CreateCell(0, 4096)
	wants(t, "CreateCell", err, ErrRange)
	_, err = m.CreateCell(0, 8)
	succeeds(t, "CreateCell", err)
	_, err = m.CreateCell(0, 16)
	wants(t, "CreateCell of another capacity", err, ErrCorrupt)
	for _, capacity := range []int64{0, -1} {
		_, err = CellSize(capacity)
		wants(t, "CellSize", err, ErrInvalid)
	}
	_, err = CellSize(1 << 41)
	wants(t, "CellSize", err, ErrLimit)
}

func TestReadersBesideTheWriterGetWholeValues(t *testing.T) {
	const capacity, values, readers = 3000, 3000, 3
	writer, reader := newCell(t, capacity)
	ended := make(chan error)
	for range readers {
		go func() { ended <- readWhole(t, reader, values) }()
	}
	for i := range values {
		succeeds(t, "Publish", writer.Publish(bytes.Repeat([]byte{byte(i + 1)}, 1+i%capacity)))
	}
	for range readers {
		succeeds(t, "reading", <-ended)
	}
}

// readWhole reads until the last value; each consists of its number all over.
func readWhole(t *testing.T, reader *Cell, last uint64) error {
	var buf []byte
	for before := uint64(0); before < last; {
		value, sequence, err := reader.Read(buf)
		if err != nil {
			return err
		}
		if bytes.Count(value, []byte{byte(sequence)}) != len(value) || sequence < before {
			t.Errorf("value %d after %d: %v", sequence, before, value)
		}
		buf, before = value, sequence
	}
	return nil
}

func TestACellAllocatesNothing(t *testing.T) {
	writer, reader := newCell(t, 64)
	value, buf := make([]byte, 64), make([]byte, 64)
	allocated := testing.AllocsPerRun(100, func() {
		writer.Publish(value)
		reader.Read(buf)
	})
	if allocated != 0 {
		t.Error(allocated)
	}
}

// enormous is a mapping of a file that takes no room, with a cell that says that its values have up to capacity bytes.
func enormous(t *testing.T, capacity int64, options *Options) *Map {
	t.Helper()
	size, err := CellSize(capacity)
	succeeds(t, "CellSize", err)
	path := newFile(t, "")
	if err := os.Truncate(path, size); err != nil {
		programtest.Skip(t, "no file of %d bytes: %v", size, err)
	}
	m := open(t, path, &Options{Access: ReadWrite, Limit: options.Limit})
	_, err = m.CreateCell(0, capacity)
	succeeds(t, "CreateCell", err)
	return m
}

// leave lets this process have so many bytes of addresses more than it has.
func leave(t *testing.T, more uint64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	succeeds(t, "ReadFile", err)
	var pages uint64
	_, err = fmt.Sscan(string(text), &pages)
	succeeds(t, "Sscan", err)
	var limit syscall.Rlimit
	succeeds(t, "Getrlimit", syscall.Getrlimit(syscall.RLIMIT_AS, &limit))
	limit.Cur = min(limit.Max, pages*uint64(os.Getpagesize())+more)
	succeeds(t, "Setrlimit", syscall.Setrlimit(syscall.RLIMIT_AS, &limit))
}

func TestACellThatClaimsMoreThanThereIsMemoryIsRead(t *testing.T) {
	survives(t, func(t *testing.T) {
		m := enormous(t, 256<<30, &Options{})
		writer, err := m.Cell(0)
		succeeds(t, "Cell", err)
		leave(t, 1<<30)
		succeeds(t, "Publish", writer.Publish([]byte("short")))
		for _, buf := range [][]byte{nil, make([]byte, 2), make([]byte, 5), make([]byte, 10_000)} {
			value, sequence, err := writer.Read(buf)
			if string(value) != "short" || sequence != 1 || err != nil {
				t.Errorf("%q, %d, %v", value, sequence, err)
			}
		}
	})
}

func TestAValueOfMoreThanIsAllowedIsALimit(t *testing.T) {
	survives(t, func(t *testing.T) {
		const longer = 1000
		m := enormous(t, 4<<30, &Options{Limit: longer - 1})
		other := enormous(t, 4<<30, &Options{})
		leave(t, 1<<30)
		cell, err := m.Cell(0)
		succeeds(t, "Cell", err)
		succeeds(t, "Publish", cell.Publish(make([]byte, longer)))
		_, _, err = cell.Read(nil)
		wants(t, "Read", err, ErrLimit)
		value, _, err := cell.Read(make([]byte, longer)) // What the caller has itself is allowed.
		if len(value) != longer || err != nil {
			t.Error(len(value), err)
		}
		own, err := m.CreateCell(0, 4<<30) // And so is what the caller says.
		succeeds(t, "CreateCell", err)
		value, _, err = own.Read(nil)
		if len(value) != longer || err != nil {
			t.Error(len(value), err)
		}
		found, err := other.Cell(0)
		succeeds(t, "Cell", err)
		claim(t, other, 4<<30, 3<<30)
		_, _, err = found.Read(nil)
		wants(t, "Read of 3 GiB", err, ErrLimit)
	})
}

// claim has the cell of m say that its newest value, the first, is length bytes long.
func claim(t *testing.T, m *Map, capacity, length int64) {
	t.Helper()
	const header, head = 128, 24
	slot := int64(header) + (head+capacity+63)/64*64 // The second of the ring.
	word := func(at int64, value uint64) {
		_, err := m.WriteAt(binary.LittleEndian.AppendUint64(nil, value), at)
		succeeds(t, "WriteAt", err)
	}
	word(slot, 1)
	word(slot+8, uint64(length))
	word(header/2, 1)
}

func TestAPeerThatChangesTheCapacityBetweenTwoLooksIsNotFollowed(t *testing.T) {
	path := newFile(t, zeros(1<<20))
	m := open(t, path, writable)
	_, err := m.CreateCell(0, 100)
	succeeds(t, "CreateCell", err)
	reader, err := open(t, path, nil).Cell(0)
	succeeds(t, "Cell", err)
	succeeds(t, "Fill", m.Fill(0, 1<<20, 0))
	again, err := m.CreateCell(0, 100_000)
	succeeds(t, "CreateCell", err)
	succeeds(t, "Publish", again.Publish(make([]byte, 50_000)))
	_, _, err = reader.Read(nil)
	wants(t, "Read of more than it had", err, ErrRange)
	if reader.Capacity() != 100 {
		t.Error(reader.Capacity())
	}
}
