package memmap

import (
	"io"
	"math"
	"os"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

func TestResizeKeepsTheBytesAndAddsZeros(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	succeeds(t, "growing", m.Resize(100_000))
	holdsText(t, m, "Hello"+zeros(99_995))
	if _, err := m.WriteAt([]byte("!"), 99_999); err != nil {
		t.Error(err)
	}
	succeeds(t, "shrinking", m.Resize(4))
	holdsText(t, m, "Hell")
	if text := contents(t, path); text != "Hell" {
		t.Errorf("the file holds %q", text)
	}
	if _, err := m.ReadAt(make([]byte, 1), 4); err != io.EOF {
		t.Errorf("reading what was cut off: %v", err)
	}
	succeeds(t, "growing again", m.Resize(6))
	holdsText(t, m, "Hell\x00\x00")
}

func TestResizeRefusesWhatHasNoMeaning(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	wants(t, "negative", m.Resize(-1), ErrInvalid)
	wants(t, "beyond the address space", m.Resize(math.MaxInt64), ErrLimit)
	holdsText(t, m, "Hello")
	if contents(t, path) != "Hello" {
		t.Error("the file was touched")
	}
	light := open(t, path, &Options{Access: ReadWrite, Flags: NoDescriptor})
	wants(t, "without a descriptor", light.Resize(100), ErrUnsupported)
	_, err := light.Refresh()
	wants(t, "without a descriptor", err, ErrUnsupported)
}

func TestWithinTheCapacityAViewIsNoObstacle(t *testing.T) {
	m := open(t, newFile(t, "Hello"), &Options{Access: ReadWrite, Capacity: 1 << 20})
	before := m.Bytes()
	succeeds(t, "View", m.View(func(data []byte) error {
		succeeds(t, "Resize", m.Resize(1<<20))
		if len(data) != 5 || cap(data) != 5 {
			t.Errorf("the slice has now %d of %d bytes", len(data), cap(data))
		}
		_, err := m.WriteAt([]byte("!"), 1<<20-1)
		return err
	}))
	if after := m.Bytes(); len(after) != 1<<20 || &after[0] != &before[0] {
		t.Error("the mapping moved")
	}
}

func TestWhatWouldMoveOrCutAViewIsBusy(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	succeeds(t, "View", m.View(func(data []byte) error {
		wants(t, "growing", m.Resize(1<<20), ErrBusy)
		wants(t, "shrinking", m.Resize(1), ErrBusy)
		if info, err := m.Info(); err != nil || info.Views != 1 {
			t.Errorf("%d views, %v", info.Views, err)
		}
		os.Truncate(path, 1<<20)
		_, err := m.Refresh()
		wants(t, "Refresh", err, ErrBusy)
		if string(data) != "Hello" {
			t.Errorf("the view holds %q", data)
		}
		return nil
	}))
	succeeds(t, "Resize afterwards", m.Resize(2<<20))
}

func TestRefreshFollowsTheFile(t *testing.T) {
	path := newFile(t, "Hello")
	for _, capacity := range []int64{0, 1 << 20} {
		m := open(t, path, &Options{Offset: 2, Capacity: capacity})
		for _, text := range []string{"Hello, mmap", zeros(100_000), "Hel", "", "Hello"} {
			succeeds(t, "WriteFile", os.WriteFile(path, []byte(text), 0o600))
			want := text[min(2, len(text)):]
			if n, err := m.Refresh(); n != int64(len(want)) || err != nil {
				t.Fatalf("%d bytes, %v", n, err)
			}
			holdsText(t, m, want)
		}
	}
}

func TestAnonymousMemoryResizesToo(t *testing.T) {
	m := anonymous(t, 5, nil)
	succeeds(t, "Fill", m.Fill(0, ToEnd, 'x'))
	succeeds(t, "growing", m.Resize(100_000))
	holdsText(t, m, "xxxxx"+zeros(99_995))
	succeeds(t, "shrinking", m.Resize(2))
	holdsText(t, m, "xx")
}

func TestAnOperationWaitsForTheGate(t *testing.T) {
	m := anonymous(t, 5, nil)
	succeeds(t, "closing the gate", m.closeGate(views))
	read := make(chan error)
	go func() {
		_, err := m.At(0)
		read <- err
	}()
	for range 1000 { // However long it is given, it does not come through.
		select {
		case err := <-read:
			t.Fatalf("read while the mapping was being moved: %v", err)
		default:
			(&backoff{}).wait()
		}
	}
	succeeds(t, "Close", m.Close())
	wants(t, "waiting", <-read, ErrClosed)
	if m.state.Load()&reclaimed != 0 {
		t.Error("unmapped while the mapping was being moved")
	}
	m.openGate()
	if m.state.Load() != made|closed|reclaimed {
		t.Errorf("left in state %#x", m.state.Load())
	}
}

// "A call that fails leaves size and contents as they were; the address may be another one": which the test asks of
// the library without the Map.
func TestAResizeThatFailsAfterMovingLeavesTheMapUsable(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, &Options{Access: ReadWrite, Flags: Sparse})
	before := m.data
	if moved := setLength(m.handle, 1<<30); moved.status != 0 || moved.data == before {
		programtest.Skip(t, "it didn't move: %d", moved.status)
	}
	succeeds(t, "Truncate", os.Truncate(path, 5))
	if cut := setLength(m.handle, toEnd); cut.status != 0 {
		t.Fatal(cut.status)
	}
	if err := m.Resize(math.MaxInt64 / 2); err == nil {
		t.Fatal("a file of 4 EiB")
	}
	holdsText(t, m, "Hello")
	_, err := m.WriteAt([]byte("J"), 0)
	succeeds(t, "WriteAt", err)
	if contents(t, path) != "Jello" {
		t.Errorf("the file holds %q", contents(t, path))
	}
}
