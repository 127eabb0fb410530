package memmap

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Each way to copy whose other buffer may lie in the mapping itself, as a copy between offsets.
var copies = map[string]func(m *Map, data []byte, to, from, length int) (int, error){
	"ReadAt": func(m *Map, data []byte, to, from, length int) (int, error) {
		return m.ReadAt(data[to:to+length], int64(from))
	},
	"Reader.ReadAt": func(m *Map, data []byte, to, from, length int) (int, error) {
		return NewReader(m).ReadAt(data[to:to+length], int64(from))
	},
	"Cursor.Read": func(m *Map, data []byte, to, from, length int) (int, error) {
		return (&Cursor{m, int64(from)}).Read(data[to : to+length])
	},
	"WriteAt": func(m *Map, data []byte, to, from, length int) (int, error) {
		return m.WriteAt(data[from:from+length], int64(to))
	},
	"Cursor.Write": func(m *Map, data []byte, to, from, length int) (int, error) {
		return (&Cursor{m, int64(to)}).Write(data[from : from+length])
	},
	"Move": func(m *Map, _ []byte, to, from, length int) (int, error) {
		return length, m.Move(int64(to), int64(from), int64(length))
	},
}

// What a copy inside the mapping leaves behind is what Go's copy leaves in a slice, however the two overlap.
func TestACopyInsideTheMappingMayOverlap(t *testing.T) {
	text := noise(64 << 10)
	path := newFile(t, string(text))
	for name, act := range copies {
		m := open(t, path, &Options{Access: CopyOnWrite})
		copiesAsASlice(t, name, m, text, act)
	}
}

// The same where another page was lost, so that ReadAt looks twice.
func TestACopyInsideTheMappingMayOverlapBesideALoss(t *testing.T) {
	text := noise(64 << 10)
	for name, act := range copies {
		path := newFile(t, string(text)+zeros(int(2*page)))
		m := open(t, path, &Options{Access: CopyOnWrite})
		setSize(t, path, int64(len(text)))
		wantsLost(t, name, m.View(func(data []byte) error { load(&data[len(text)]); return nil }),
			FaultError{int64(len(text)), 2 * page, CauseTruncated})
		copiesAsASlice(t, name, m, text, act)
	}
}

func noise(length int) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, length)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	return text
}

// copiesAsASlice compares with the slice want, which the beginning of m holds.
func copiesAsASlice(t *testing.T, name string, m *Map, text []byte, act func(m *Map, data []byte, to, from, length int) (int, error)) {
	t.Helper()
	want := bytes.Clone(text)
	data := m.Bytes()
	for _, length := range []int{1, 100, 4095, 4096, 4097, 5000, 20_000} {
		for _, shift := range []int{-4097, -4096, -100, -1, 0, 1, 7, 100, 4096, 4999} {
			from := 10_000
			to := from + shift
			copy(want[to:], want[from:from+length])
			if n, err := act(m, data, to, from, length); n != length || err != nil {
				t.Fatalf("%s: %d, %v", name, n, err)
			}
			if !bytes.Equal(data[:len(want)], want) {
				t.Fatalf("%s: %d bytes from %d to %d are others than a slice has then", name, length, from, to)
			}
		}
	}
}
