package memmap

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"libmemmap/memmap/internal/programtest"
)

// Each 8 bytes of a file say where they are, so that a program that takes a zero for data is found out.

const numberedPages = 64

func numberAt(offset int64) uint64 { return uint64(offset) + 1 }

func numbered() []byte {
	text := make([]byte, 0, numberedPages*page)
	for at := int64(0); at < numberedPages*page; at += 8 {
		text = binary.NativeEndian.AppendUint64(text, numberAt(at))
	}
	return text
}

// cutNumbers cuts the file to nothing and writes it anew, for so long. It is cut to nothing since the rest of a page
// reads as zeros without a fault.
func cutNumbers(t *testing.T, file *os.File, long time.Duration) {
	text := numbered()
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(300 * time.Microsecond) {
		succeeds(t, "Truncate", file.Truncate(0))
		_, err := file.WriteAt(text, 0)
		succeeds(t, "WriteAt", err)
	}
}

// A sumOf adds the numbers that lie in data, and says whether each is the one that belongs there.
func sumOf(data []byte, offset int64) (sum uint64, right bool) {
	right = true
	for ; len(data) >= 8; data, offset = data[8:], offset+8 {
		number := binary.NativeEndian.Uint64(data)
		right = right && number == numberAt(offset)
		sum += number
	}
	return sum, right
}

type checking struct {
	right  *bool
	offset int64
}

// Write checks what comes, in pieces of any length.
func (c *checking) Write(p []byte) (int, error) {
	_, right := sumOf(p, c.offset)
	*c.right = *c.right && right
	c.offset += int64(len(p))
	return len(p), nil
}

// Ways of reading, each of which computes something of the bytes at an offset and returns whether that was right.
var readings = map[string]func(m *Map, at int64) (right bool, err error){
	"View": func(m *Map, at int64) (right bool, err error) {
		err = m.View(func(data []byte) error { _, right = sumOf(data[at:], at); return nil })
		return right, err
	},
	"ReadAt": func(m *Map, at int64) (bool, error) {
		var p [100 * 8]byte
		n, err := m.ReadAt(p[:], at)
		if err == io.EOF {
			err = nil
		}
		_, right := sumOf(p[:n], at)
		return right, err
	},
	"ReadAt of pages": func(m *Map, at int64) (bool, error) {
		p := make([]byte, 8*page)
		n, err := m.ReadAt(p, at)
		if err == io.EOF {
			err = nil
		}
		_, right := sumOf(p[:n], at)
		return right, err
	},
	"At": func(m *Map, at int64) (bool, error) {
		b, err := m.At(at)
		return b == binary.NativeEndian.AppendUint64(nil, numberAt(at))[0], err
	},
	"LoadUint64": func(m *Map, at int64) (bool, error) {
		number, err := m.LoadUint64(at)
		return number == numberAt(at), err
	},
	"Find": func(m *Map, at int64) (bool, error) {
		found, err := m.Find(binary.NativeEndian.AppendUint64(nil, numberAt(at)), at&^(page-1), ToEnd)
		return found == at, err
	},
	"WriteTo": func(m *Map, at int64) (bool, error) {
		right := true
		_, err := m.WriteTo(&checking{right: &right})
		return right, err
	},
	"Bytes in Try": func(m *Map, at int64) (right bool, err error) {
		err = Try(func() error { _, right = sumOf(m.Bytes()[at:], at); return nil })
		return right, err
	},
	"Matches in Try": func(m *Map, at int64) (right bool, err error) {
		err = Try(func() error {
			p := m.Matches(binary.NativeEndian.AppendUint64(nil, numberAt(at)), at, ToEnd)
			for offset, data := range p.All() {
				right = offset == at && binary.NativeEndian.Uint64(data) == numberAt(at)
			}
			return p.Err()
		})
		return right, err
	},
	"Reader": func(m *Map, at int64) (bool, error) {
		var p [8]byte
		_, err := NewReader(m).ReadAt(p[:], at)
		return binary.NativeEndian.Uint64(p[:]) == numberAt(at), err
	},
	"BasicMmap in Try": func(m *Map, at int64) (right bool, err error) {
		data, err := BasicMmap(m.path)
		if err != nil || len(data) == 0 {
			return false, errors.Join(err, ErrFault) // It was cut when it was mapped.
		}
		defer UnmapMemory(data)
		at = min(at, int64(len(data)-8))
		err = Try(func() error { _, right = sumOf(data[at:], at); return nil })
		return right, err
	},
}

// For how long a run takes: some seconds, or as many as MEMMAP_TIME says.
func howLong() time.Duration {
	if seconds, err := strconv.Atoi(os.Getenv("MEMMAP_TIME")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return 2 * time.Second
}

// inMemory is a folder in a file system that shows no zeros of its own where a file is cut: see docs/faults.md. MEMMAP_FOLDER
// names another.
func inMemory(t *testing.T) string {
	folder, err := os.MkdirTemp(cmp.Or(os.Getenv("MEMMAP_FOLDER"), "/dev/shm"), "memmap-test-")
	if err != nil {
		programtest.Skip(t, "no folder in memory: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// Nothing that was computed from a page that is lost is returned as good, by any way of reading.
func TestNothingIsComputedFromALostPage(t *testing.T) {
	path := filepath.Join(inMemory(t), "numbers")
	succeeds(t, "WriteFile", os.WriteFile(path, numbered(), 0o600))
	m := open(t, path, nil)
	long := howLong()
	other := ended(t, another(t, "cut numbers", path, int(long.Milliseconds())))
	var done atomic.Bool
	var good, losses, wrong [8]atomic.Int64
	var names []string
	for name := range readings {
		names = append(names, name)
	}
	var all sync.WaitGroup
	for g := range good {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := g; !done.Load(); i++ {
				name := names[i%len(names)]
				at := int64(i*2654435761>>7%int(numberedPages*page/8)) * 8
				right, err := readings[name](m, at)
				switch {
				case errors.Is(err, ErrFault):
					losses[g].Add(1)
				case err != nil:
					t.Errorf("%s: %v", name, err)
					return
				case !right:
					wrong[g].Add(1)
					t.Errorf("%s took what is not the file's for data", name)
					return
				default:
					good[g].Add(1)
				}
			}
		}()
	}
	for running := true; running; {
		select {
		case err := <-other:
			succeeds(t, "the other process", err)
			running = false
		case <-time.After(time.Millisecond):
			m.Recover() // ErrFault while the file is too short.
		}
	}
	done.Store(true)
	all.Wait()
	sum := func(of *[8]atomic.Int64) (n int64) {
		for i := range of {
			n += of[i].Load()
		}
		return n
	}
	fmt.Printf("%d times the file's bytes, %d losses, %d zeros taken for data\n", sum(&good), sum(&losses), sum(&wrong))
	if sum(&good) < 100 || sum(&losses) < 100 {
		t.Error("too few to say anything")
	}
}
