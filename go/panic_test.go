package memmap

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
)

// caught is what f panics with, nil when it doesn't.
func caught(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

// Ways to hand bytes to a function of the program's own, which panics over the zeros that it finds.
var lenders = map[string]func(m *Map, use func(data []byte)){
	"View": func(m *Map, use func([]byte)) { m.View(func(data []byte) error { use(data); return nil }) },
	"View in a View": func(m *Map, use func([]byte)) {
		m.View(func([]byte) error { return m.View(func(data []byte) error { use(data); return nil }) })
	},
	"WriteTo": func(m *Map, use func([]byte)) {
		m.WriteTo(writerFunc(func(data []byte) (int, error) { use(data); return len(data), nil }))
	},
	"Lines": func(m *Map, use func([]byte)) {
		for _, line := range m.Lines(0, ToEnd).All() {
			use(line)
		}
	},
	"Windows": func(m *Map, use func([]byte)) {
		for _, window := range m.Windows(4 * page).All() {
			use(window)
		}
	},
}

// A length that is 0 because its page is gone sends the program astray: what surfaces has to say so.
func TestAPanicOverZerosOfALostPageTellsOfTheLoss(t *testing.T) {
	for name, lend := range lenders {
		path := newFile(t, strings.Repeat("\x01", int(4*page)))
		m := open(t, path, nil)
		value := caught(func() {
			lend(m, func(data []byte) {
				setSize(t, path, page)
				elsewhere(&data[2*page])
				astray(data)
			})
		})
		err, _ := value.(error)
		wants(t, name, err, ErrFault)
		var inner runtime.Error
		var lost *FaultError
		if !errors.As(err, &inner) || !errors.As(err, &lost) || lost.Cause != CauseTruncated {
			t.Errorf("%s: %#v", name, value)
			continue
		}
		if text := err.Error(); !strings.HasPrefix(text, inner.Error()) || !strings.Contains(text, "lost") || strings.Contains(text, "\n") {
			t.Errorf("%s: %s", name, text)
		}
		if n := m.underWay(); n != 0 {
			t.Errorf("%s: %#x are under way", name, n)
		}
		succeeds(t, name, m.Close())
		if mappings(t, path) != 0 {
			t.Errorf("%s: still mapped", name)
		}
	}
}

// Any other panic surfaces as it is, and Goexit is no panic.
func TestAPanicThatIsNotOverALossIsLeftAlone(t *testing.T) {
	mine := &fs.PathError{Op: "mine", Err: io.EOF}
	for name, lend := range lenders {
		m := open(t, newFile(t, "Hello\n"), nil)
		for _, thrown := range []any{mine, "text", 7, http} {
			if value := caught(func() { lend(m, func([]byte) { panic(thrown) }) }); value != thrown {
				t.Errorf("%s: %v became %v", name, thrown, value)
			}
		}
	}
}

var http = errors.New("net/http: abort Handler")

func TestAPanicThatTellsOfTheLossAlreadyIsLeftAlone(t *testing.T) {
	path, m := paged(t, 4, nil)
	setSize(t, path, page)
	var told error
	value := caught(func() {
		m.View(func(data []byte) error {
			_, told = m.At(2 * page)
			panic(told)
		})
	})
	wants(t, "At", told, ErrFault)
	if value != told {
		t.Errorf("%v became %v", told, value)
	}
}

func TestAPanicWithAnyValueTellsOfALoss(t *testing.T) {
	path, m := paged(t, 4, nil)
	setSize(t, path, page)
	for _, thrown := range []any{"text", 7, http} {
		value := caught(func() { m.View(func(data []byte) error { elsewhere(&data[2*page]); panic(thrown) }) })
		told, ok := value.(*ViewPanic)
		if !ok || told.Value != thrown {
			t.Fatalf("%v became %#v", thrown, value)
		}
		wants(t, "panic", told, ErrFault)
		if thrown == http {
			wants(t, "panic", told, http)
		}
	}
}

func TestGoexitOverALossIsNoPanic(t *testing.T) {
	path, m := paged(t, 4, nil)
	setSize(t, path, page)
	left := make(chan any)
	go func() {
		defer func() { left <- recover() }()
		m.View(func(data []byte) error { elsewhere(&data[2*page]); runtime.Goexit(); return nil })
	}()
	if value := <-left; value != nil {
		t.Errorf("%v", value)
	}
	if n := m.underWay(); n != 0 {
		t.Errorf("%#x are under way", n)
	}
}

// What was lost and recovered while the function ran may have been read as zeros.
func TestAPanicOverWhatWasRecoveredMeanwhileTellsOfTheLoss(t *testing.T) {
	path, m := paged(t, 4, nil)
	value := caught(func() {
		m.View(func(data []byte) error {
			setSize(t, path, page)
			elsewhere(&data[2*page])
			setSize(t, path, 4*page)
			succeeds(t, "Recover", m.Recover())
			panic("zeros")
		})
	})
	if told, ok := value.(error); !ok || !errors.Is(told, ErrFault) {
		t.Errorf("%v", value)
	}
}

// A program that dies of it shows where, and what was lost.
func TestTheStackOfAPanicOverALossIsReadable(t *testing.T) {
	if path := os.Getenv("MEMMAP_TEST_PANIC"); path != "" {
		m := open(t, path, nil)
		m.View(func(data []byte) error { setSize(t, path, page); elsewhere(&data[2*page]); return astray(data) })
	}
	path := newFile(t, strings.Repeat("\x01", int(4*page)))
	ended := child(t, "MEMMAP_TEST_PANIC="+path)
	for _, wanted := range []string{"index out of range", "file was truncated: bytes", "memmap.astray("} {
		if ended.status == 0 || !strings.Contains(ended.output, wanted) {
			t.Fatalf("status %d, and not %q in\n%s", ended.status, wanted, ended.output)
		}
	}
}

// astray takes a length from a page that may be lost. One less than 0 is out of range.
//
//go:noinline
func astray(data []byte) error {
	_ = data[:4][binary.LittleEndian.Uint32(data[2*page:])-1]
	return nil
}
