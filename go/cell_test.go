package memmap

import (
	"bytes"
	"testing"
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
