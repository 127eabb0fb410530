package memmap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A failed call changes nothing: not the bytes, the file, the areas of memory with their flags, the locks, nor what the Map
// says of itself.

// everything is all that, in words.
func everything(t *testing.T, m *Map, path string) string {
	t.Helper()
	var text strings.Builder
	info, err := m.Info()
	fmt.Fprintf(&text, "%+v %v, writable %v, state %#x\n", info, err, m.writable, m.state.Load()&^counts)
	fmt.Fprintf(&text, "lost: %v\n", m.Fault())
	fmt.Fprintf(&text, "bytes: %q\n", bytes.TrimRight(bytes.Clone(m.Bytes()), "\x00"))
	if path != "" {
		status, err := os.Stat(path)
		succeeds(t, "Stat", err)
		fmt.Fprintf(&text, "%d bytes, mode %v, %q\n", status.Size(), status.Mode(), strings.TrimRight(contents(t, path), "\x00"))
		other := open(t, path, writable)
		for at := range min(other.Len(), 64) {
			err := other.TryLockRange(at, 1, LockExclusive)
			fmt.Fprint(&text, errors.Is(err, ErrTimeout), " ")
		}
		succeeds(t, "Close", other.Close())
		text.WriteString("\n" + areas(t, path))
	}
	return text.String()
}

// areas are those of a file, without what was touched of them.
func areas(t *testing.T, path string) string {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	succeeds(t, "smaps", err)
	var text strings.Builder
	for _, area := range regexp.MustCompile(`(?m)^[0-9a-f]+-[0-9a-f]+ .* `+regexp.QuoteMeta(path)+`$`).FindAllIndex(smaps, -1) {
		first, rest, _ := bytes.Cut(smaps[area[0]:], []byte("\n"))
		flags := regexp.MustCompile(`(?m)^VmFlags:.*$`).Find(rest)
		fmt.Fprintf(&text, "%s %s\n", first, flags)
	}
	return text.String()
}

// Each call fails, on a Map of a file that has the bytes "Hello" and a page of zeros behind them, of which some are locked
// against others and some in memory.
func failures(t *testing.T, m *Map) map[string]error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	only := func(_ any, err error) error { return err }
	busy := func(f func() error) (err error) {
		succeeds(t, "View", m.View(func([]byte) error { err = f(); return nil }))
		return err
	}
	appender := m.Appender()
	return map[string]error{
		"Resize to less than nothing":   m.Resize(-1),
		"Resize beyond all":             m.Resize(1 << 62),
		"Resize beyond the disk":        m.Resize(1 << 50),
		"Resize in a View":              busy(func() error { return m.Resize(1 << 30) }),
		"shrinking in a View":           busy(func() error { return m.Resize(1) }),
		"ResizeContext":                 m.ResizeContext(ended, 1<<20),
		"ResizeContext beyond the disk": m.ResizeContext(t.Context(), 1<<50),
		"ResizeContext in a View":       busy(func() error { return m.ResizeContext(ended, 1) }),
		"Grow by less than nothing":     only(m.Grow(-1)),
		"Grow beyond the disk":          only(m.Grow(1 << 50)),
		"Grow in a View":                busy(func() error { return only(m.Grow(1 << 30)) }),
		"GrowContext":                   only(m.GrowContext(ended, 1)),
		"RefreshContext":                only(m.RefreshContext(ended)),
		"Protect for more":              m.Protect(CopyOnWrite),
		"Protect in a View":             busy(func() error { return m.Protect(ReadOnly) }),
		"WriteAt behind the end":        only(m.WriteAt([]byte("no"), m.Len()-1)),
		"WriteAt before the start":      only(m.WriteAt([]byte("no"), -1)),
		"Fill behind the end":           m.Fill(0, m.Len()+1, 'n'),
		"Move behind the end":           m.Move(1, 0, m.Len()),
		"Move from behind the end":      m.Move(0, 1, m.Len()),
		"AddUint32 across the end":      only(m.AddUint32(m.Len(), 1)),
		"StoreUint64 at no multiple":    m.StoreUint64(1, 1),
		"Flush behind the end":          m.FlushRange(1, m.Len()),
		"unknown advice":                m.Advise(0, ToEnd, 1000),
		"advice for other memory":       m.Advise(0, ToEnd, AdviceWipeOnFork),
		"advice behind the end":         m.Advise(0, m.Len()+1, AdviceDontDump),
		"Prefault behind the end":       m.Prefault(0, m.Len()+1, PrefaultWrite),
		"LockMemory behind the end":     m.LockMemory(1, m.Len()),
		"UnlockMemory behind the end":   m.UnlockMemory(1, m.Len()),
		"a lock that there is":          m.TryLockRange(8, 4, LockExclusive),
		"a lock, ended":                 m.LockRange(ended, 0, 64, LockExclusive),
		"UnlockRange of another range":  m.UnlockRange(8, 5),
		"a window outside":              only(m.Window(m.Len()+9, 1)),
		"a window of nothing":           only(m.Window(0, 0)),
		"a cell behind the end":         only(m.CreateCell(m.Len()/8*8, 64)),
		"a cell at no multiple":         only(m.CreateCell(1, 8)),
		"no cell":                       only(m.Cell(0)),
		"Seal":                          m.Seal(SealShrink),
		"an appender in a View":         busy(func() error { return only(appender.Write(make([]byte, 4<<20))) }),
		"Close of an appender, ended":   busy(func() error { return only(m.AppenderContext(ended).Write(make([]byte, 4<<20))) }),
	}
}

func TestAFailedCallChangesNothing(t *testing.T) {
	for _, o := range []Options{
		{Access: ReadWrite},
		{Access: ReadWrite, Capacity: 1 << 20},
		{Access: ReadWrite, Flags: NoDump | Locked, Advice: AdviceRandom, Capacity: 1 << 20},
		{Access: ReadWrite, Offset: 3},
	} {
		path := newFile(t, "Hello"+zeros(int(page)))
		m := open(t, path, &o)
		succeeds(t, "TryLockRange", m.TryLockRange(8, 4, LockShared))
		succeeds(t, "TryLockRange", m.TryLockRange(40, 4, LockExclusive))
		succeeds(t, "LockMemory", m.LockMemory(0, 1))
		succeeds(t, "Advise", m.Advise(page, 1, AdviceDontDump))
		before := everything(t, m, path)
		failed := failures(t, m)
		after := everything(t, m, path)
		for what, err := range failed {
			if err == nil {
				t.Errorf("%+v: %s succeeds", o, what)
			}
		}
		if after != before {
			t.Errorf("%+v\n%s\nbecame\n%s", o, before, after)
		}
		succeeds(t, "UnlockRange", m.UnlockRange(8, 4))
		succeeds(t, "UnlockRange", m.UnlockRange(40, 4))
	}
}

// The same where a page is lost, by which more calls fail.
func TestAFailedCallOnALossChangesNothing(t *testing.T) {
	path, m := paged(t, 4, writable)
	setSize(t, path, 2*page)
	if _, err := m.At(3 * page); !errors.Is(err, ErrFault) {
		t.Fatal(err)
	}
	before := everything(t, m, path)
	a := m.Appender()
	_, appended := a.Write([]byte("no"))
	_, grown := m.Grow(1)
	_, refreshed := m.Refresh()
	_, written := m.WriteAt(make([]byte, 2*page), page)
	for what, err := range map[string]error{
		"Resize": m.Resize(page), "Resize to more": m.Resize(8 * page), "Resize to the same": m.Resize(4 * page),
		"ResizeContext": m.ResizeContext(t.Context(), page), "Grow": grown, "Refresh": refreshed, "Append": appended,
		"Close of an appender": a.Close(), "Recover": m.Recover(), "WriteAt": written, "Fill": m.Fill(0, ToEnd, 'n'),
		"Move": m.Move(0, page, 3*page), "Move to": m.Move(3*page, 0, page),
	} {
		wants(t, what, err, ErrFault)
	}
	if after := everything(t, m, path); after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
}
