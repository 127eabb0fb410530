package memmap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Others in the file: what they do is read afterwards by read(2), never by a mapping.

// another runs the test that calls it in another process, which does what a role says, and is to be waited for.
func another(t *testing.T, role, path string, numbers ...int) *exec.Cmd {
	t.Helper()
	command := itself("-test.run=^TestTheOtherProcess$", "-test.count=1")
	command.Env = append(os.Environ(), "MEMMAP_TEST_ROLE="+role, "MEMMAP_TEST_PATH="+path, fmt.Sprint("MEMMAP_TEST_NUMBERS=", numbers))
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	succeeds(t, "starting another process", command.Start())
	t.Cleanup(func() { command.Process.Kill() })
	return command
}

// ended says whether the other process has come to its end, and waits for it if asked to.
func ended(t *testing.T, other *exec.Cmd) <-chan error {
	t.Helper()
	return later(other.Wait)
}

const recordSize = 16

// record is the number i in a way that no part of another one, and no zeros, look like.
func record(i uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 0xfeed_0000_0000_0000|i), ^i)
}

// TestTheOtherProcess is what the others do.
func TestTheOtherProcess(t *testing.T) {
	role, path := os.Getenv("MEMMAP_TEST_ROLE"), os.Getenv("MEMMAP_TEST_PATH")
	if role == "" {
		return
	}
	var number int
	if _, err := fmt.Sscanf(os.Getenv("MEMMAP_TEST_NUMBERS"), "[%d]", &number); err != nil {
		t.Fatal(err)
	}
	flags := os.O_RDWR
	if role == "append" {
		flags |= os.O_APPEND
	}
	file, err := os.OpenFile(path, flags, 0)
	succeeds(t, "OpenFile", err)
	defer file.Close()
	switch role {
	case "append":
		for i := range number {
			_, err := file.Write(record(uint64(i)))
			succeeds(t, "Write", err)
		}
	case "cut":
		cutAndRestore(t, file, number)
	case "cut numbers":
		cutNumbers(t, file, time.Duration(number)*time.Millisecond)
	}
}

// cutAndRestore cuts a file of 'x' again and again, and writes back what it has cut. The file never has another byte.
func cutAndRestore(t *testing.T, file *os.File, times int) {
	random := rand.New(rand.NewPCG(5, 6))
	status, err := file.Stat()
	succeeds(t, "Stat", err)
	all := bytes.Repeat([]byte("x"), int(status.Size()))
	for range times {
		at := random.Int64N(status.Size()/page) * page // The rest of a page that is cut would be zeros, and no fault.
		succeeds(t, "Truncate", file.Truncate(at))
		_, err := file.WriteAt(all[at:], at)
		succeeds(t, "WriteAt", err)
	}
}

// numbersIn are those of the records in a file, in order; what is between them has to be zeros.
func numbersIn(t *testing.T, text []byte) (numbers []uint64) {
	t.Helper()
	for at := 0; at < len(text); {
		if text[at] == 0 {
			at++
			continue
		}
		if at+recordSize > len(text) {
			t.Fatalf("%x at %d is a part of a record", text[at:], at)
		}
		i := binary.BigEndian.Uint64(text[at:]) &^ (0xffff << 48)
		if !bytes.Equal(text[at:at+recordSize], record(i)) {
			t.Fatalf("%x at %d is no record", text[at:at+recordSize], at)
		}
		numbers = append(numbers, i)
		at += recordSize
	}
	return numbers
}

// Growing beside one who appends: no record of his is lost or changed, and what this Map sees is what the file holds.
func TestWhatAnotherProcessAppendsIsLeftByEveryWayToGrow(t *testing.T) {
	const records = 20_000
	for name, grow := range map[string]func(m *Map, i int) error{
		"Refresh":       func(m *Map, i int) error { _, err := m.Refresh(); return err },
		"Resize":        func(m *Map, i int) error { return m.Resize(m.Len() + 1) },
		"ResizeContext": func(m *Map, i int) error { return m.ResizeContext(t.Context(), m.Len()+3) },
		"Grow":          func(m *Map, i int) error { _, err := m.Grow(1); return err },
		"Refresh and Resize": func(m *Map, i int) error {
			n, err := m.Refresh()
			if err != nil {
				return err
			}
			return m.Resize(n + int64(i%2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, capacity := range []int64{0, 1 << 30} {
				path := newFile(t, "")
				m := open(t, path, &Options{Access: ReadWrite, Capacity: capacity, Flags: Sparse})
				other := ended(t, another(t, "append", path, records))
				for i, running := 0, true; running; i++ {
					select {
					case err := <-other:
						succeeds(t, "the other process", err)
						running = false
					default:
					}
					succeeds(t, "growing", grow(m, i))
				}
				_, err := m.Refresh()
				succeeds(t, "Refresh", err)
				text := []byte(contents(t, path))
				for i, number := range numbersIn(t, text) {
					if number != uint64(i) {
						t.Fatalf("record %d is missing", i)
					}
				}
				if n := len(numbersIn(t, text)); n != records {
					t.Errorf("%d records of %d", n, records)
				}
				holdsText(t, m, string(text))
			}
		})
	}
}

// Beside a process that cuts the file: a call without an error has read what the file held, and nothing is left behind.
func TestWhatAnotherProcessCutsIsToldByEveryCall(t *testing.T) {
	const pages, times = 8, 5000
	path := newFile(t, string(bytes.Repeat([]byte("x"), int(pages*page))))
	m := open(t, path, writable)
	other := ended(t, another(t, "cut", path, times))
	p := make([]byte, pages*page)
	told := 0
	whole := func(what string, data []byte, err error) {
		t.Helper()
		switch {
		case err != nil && !errors.Is(err, ErrFault) && err != io.EOF:
			t.Fatalf("%s: %v", what, err)
		case err != nil:
			told++
		case err == nil && len(bytes.Trim(data, "x")) != 0:
			t.Fatalf("%s: other bytes than the file ever had, and no error", what)
		}
	}
	for running := true; running; {
		select {
		case err := <-other:
			succeeds(t, "the other process", err)
			running = false
		default:
		}
		n, err := m.ReadAt(p[:min(int64(len(p)), max(m.Len(), 1))], 0)
		whole("ReadAt", p[:n], err)
		_, err = m.Refresh()
		whole("Refresh", nil, err)
		n = 0
		err = m.View(func(data []byte) error { n = copy(p, data); return nil })
		whole("View", p[:n], err)
		err = m.Flush()
		whole("Flush", nil, err)
		err = m.Recover()
		whole("Recover", nil, err)
	}
	if told == 0 {
		t.Error("it met nobody")
	}
	for tries := 0; m.Recover() != nil; tries++ {
		if tries == 100 {
			t.Fatal("it can't be recovered")
		}
	}
	n, err := m.Refresh()
	if n != pages*page || err != nil {
		t.Fatal(n, err)
	}
	holdsText(t, m, contents(t, path))
}

// Locks are the Map's, however it changes its size or place, and others are kept out until they are given back.
func TestALockOutlastsEveryChangeOfTheSize(t *testing.T) {
	path := newFile(t, zeros(int(4*page)))
	m, other := open(t, path, writable), open(t, path, writable)
	succeeds(t, "TryLockRange", m.TryLockRange(10, 20, LockExclusive))
	succeeds(t, "TryLockRange to the end", m.TryLockRange(100, ToEnd, LockExclusive))
	lockedOut := func(after string) {
		t.Helper()
		wants(t, after, other.TryLockRange(29, 1, LockShared), ErrTimeout)
		wants(t, after, other.TryLockRange(4*page-1, 1, LockShared), ErrTimeout)
		succeeds(t, after, other.TryLockRange(30, 70, LockExclusive))
		succeeds(t, after, other.UnlockRange(30, 70))
	}
	for what, change := range map[string]func() error{
		"growing":    func() error { return m.Resize(64 << 20) },
		"shrinking":  func() error { return m.Resize(20) },
		"to nothing": func() error { return m.Resize(0) },
		"Grow":       func() error { _, err := m.Grow(1 << 20); return err },
		"Refresh":    func() error { setSize(t, path, 3*page); _, err := m.Refresh(); return err },
		"a failure":  func() error { return turned(m.Resize(1 << 62)) },
		"a view":     func() error { return m.View(func([]byte) error { return nil }) },
		"a window":   func() error { w, err := m.Window(0, ToEnd); return errors.Join(err, w.Close()) },
		"a recovery": func() error { return m.Recover() },
		"protection": func() error { return errors.Join(m.Protect(ReadOnly), m.Protect(ReadWrite)) },
		"an appender": func() error {
			a := m.Appender()
			_, err := a.Write(make([]byte, page))
			return errors.Join(err, a.Close())
		},
	} {
		if m.Len() == 0 {
			succeeds(t, "Resize", m.Resize(page))
		}
		succeeds(t, what, change())
		lockedOut(what)
	}
	succeeds(t, "UnlockRange", m.UnlockRange(10, 20))
	succeeds(t, "UnlockRange", m.UnlockRange(100, ToEnd))
	succeeds(t, "free", other.TryLockRange(0, ToEnd, LockExclusive))
}

// turned is nil for an error, and an error for nil.
func turned(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return nil
}
