package memmap

import (
	"errors"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"testing"
)

func TestEveryMethodOfAClosedMapIsErrClosed(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	c := m.Cursor()
	succeeds(t, "Close", m.Close())
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
	wantsClosed(t, m, c)
}

func wantsClosed(t *testing.T, m *Map, c *Cursor) {
	t.Helper()
	p := make([]byte, 1)
	_, read := m.ReadAt(p, 0)
	_, readNothing := m.ReadAt(nil, -1)
	_, written := m.WriteAt(p, 0)
	_, at := m.At(0)
	_, info := m.Info()
	_, writeTo := m.WriteTo(io.Discard)
	_, refresh := m.Refresh()
	_, residency := m.Residency(0, ToEnd)
	_, resident := m.Resident(0, ToEnd)
	_, grow := m.Grow(1)
	_, growLess := m.Grow(-1)
	_, cell := m.CreateCell(-8, 1)
	_, find := m.Find(p, 0, ToEnd)
	_, window := m.Window(0, 1)
	_, findLast := m.FindLast(p, -1, 0)
	_, appended := m.Appender().Write(p)
	_, cursorRead := c.Read(p)
	_, cursorByte := c.ReadByte()
	_, cursorWrite := c.Write(p)
	_, cursorSeek := c.Seek(0, io.SeekStart)
	for what, err := range map[string]error{
		"ReadAt": read, "ReadAt outside": readNothing, "WriteAt": written, "At": at, "Info": info, "WriteTo": writeTo,
		"Refresh": refresh, "Resize": m.Resize(1), "Resize to more": m.Resize(1 << 20), "Fill": m.Fill(0, 1, 0),
		"Move": m.Move(0, 0, 1), "Flush": m.Flush(), "FlushRange": m.FlushRange(-1, 1),
		"FlushWith": m.FlushWith(0, 0, FlushAsync), "Advise": m.Advise(0, ToEnd, AdviceNormal),
		"Prefault": m.Prefault(0, ToEnd, PrefaultRead), "Residency": residency, "Resident": resident,
		"LockMemory": m.LockMemory(0, ToEnd), "UnlockMemory": m.UnlockMemory(0, ToEnd), "Protect": m.Protect(ReadOnly),
		"Resize to less than nothing": m.Resize(-1), "Grow by less than nothing": growLess, "CreateCell": cell,
		"Send to nobody": m.Send(nil, 0), "Wake outside": m.Wake(-8, 1), "Wait outside": m.Wait(t.Context(), -8, 0),
		"Grow": grow, "Find": find, "Window": window, "FindLast": findLast, "Appender.Write": appended, "Appender.Close": m.Appender().Close(),
		"Cursor.Read": cursorRead, "Cursor.ReadByte": cursorByte,
		"Cursor.Write": cursorWrite, "Cursor.Seek": cursorSeek, "Close": m.Close(),
		"View": m.View(func([]byte) error { t.Error("View of a closed Map"); return nil }),
	} {
		wants(t, what, err, ErrClosed, fs.ErrClosed)
	}
	if m.Len() != 0 || m.Bytes() != nil {
		t.Errorf("Len is %d, Bytes are %d", m.Len(), len(m.Bytes()))
	}
}

func TestClosingInAViewUnmapsWhenItEnds(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	c := m.Cursor()
	inner := errors.New("mine")
	err := m.View(func(data []byte) error {
		return m.View(func(again []byte) error {
			succeeds(t, "Close", m.Close())
			wantsClosed(t, m, c)
			if string(data) != "Hello" || &data[0] != &again[0] || mappings(t, path) != 1 {
				t.Error("unmapped under a view")
			}
			return inner
		})
	})
	if err != inner {
		t.Errorf("View returns %v", err)
	}
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

func TestAViewThatPanicsOrExitsEndsToo(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, nil)
	func() {
		defer func() { recover() }()
		m.View(func([]byte) error { panic("mine") })
	}()
	exited := make(chan bool)
	go func() {
		defer close(exited)
		m.View(func([]byte) error { runtime.Goexit(); return nil })
	}()
	<-exited
	info, err := m.Info()
	succeeds(t, "Info", err)
	if info.Views != 0 {
		t.Errorf("%d views are left", info.Views)
	}
	succeeds(t, "Close", m.Close())
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

func TestClosingFromManyGoroutinesSucceedsOnce(t *testing.T) {
	path := newFile(t, "Hello")
	for range 200 {
		m := open(t, path, nil)
		var done sync.WaitGroup
		answers := make(chan error, 8)
		for range cap(answers) {
			done.Add(1)
			go func() { defer done.Done(); answers <- m.Close() }()
		}
		done.Wait()
		nils := 0
		for range cap(answers) {
			if err := <-answers; err == nil {
				nils++
			} else {
				wants(t, "Close", err, ErrClosed)
			}
		}
		if nils != 1 {
			t.Fatalf("%d of 8 succeeded", nils)
		}
	}
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

// Eight goroutines use, resize and close the same Map; its results are checked, and that no access
// crashes, and that nothing is left mapped.
func TestUsingResizingAndClosingAtOnce(t *testing.T) {
	path := newFile(t, zeros(4096))
	for round := range 60 {
		m := open(t, path, &Options{Access: ReadWrite, Capacity: int64(round%2) * 8 * 4096})
		var all sync.WaitGroup
		for worker := range 8 {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := range 300 {
					if err := disturb(m, worker, i); err != nil && err != io.EOF &&
						!errors.Is(err, ErrClosed) && !errors.Is(err, ErrBusy) {
						t.Errorf("worker %d: %v", worker, err)
						return
					}
				}
			}()
		}
		all.Wait()
		wants(t, "Close", m.Close(), ErrClosed)
		if n := mappings(t, path); n != 0 {
			t.Fatalf("round %d: %d mappings are left", round, n)
		}
	}
}

// disturb leaves the mapping at least 100 bytes long.
func disturb(m *Map, worker, i int) error {
	var p [100]byte
	switch {
	case worker == 0 && i == 200:
		return m.Close()
	case worker < 2:
		return m.Resize(int64(100 + (i*7919+worker)%(16*4096)))
	case worker == 2 && i%16 == 0:
		_, err := m.Refresh()
		return err
	case worker < 5:
		return m.View(func(data []byte) error {
			data[len(data)-1] = data[0]
			return nil
		})
	case worker == 5:
		_, err := m.WriteAt(p[:], 0)
		return err
	case worker == 6:
		_, err := m.ReadAt(p[:], int64(i*100))
		return err
	}
	if i%50 == 0 {
		return m.FlushWith(0, ToEnd, FlushAsync)
	}
	_, err := m.At(int64(i % 100))
	return err
}
