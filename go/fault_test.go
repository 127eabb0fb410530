package memmap

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// page is a multiple of the system's page size, so that offsets are the same everywhere.
var page = int64(max(pageSize, 4096))

// paged makes a file of so many pages, each byte 'x', and maps it.
func paged(t testing.TB, pages int64, options *Options) (path string, m *Map) {
	t.Helper()
	path = newFile(t, strings.Repeat("x", int(pages*page)))
	return path, open(t, path, options)
}

func setSize(t testing.TB, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// wantsLost checks that err tells of this loss.
func wantsLost(t testing.TB, what string, err error, lost FaultError) {
	t.Helper()
	var told *FaultError
	wants(t, what, err, ErrFault)
	if !errors.As(err, &told) || *told != lost {
		t.Errorf("%s: %v, wanted %v", what, err, &lost)
	}
}

func TestEveryCallWhoseRangeHasALostByteSaysSo(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 8, writable)
		end := 2*page + 100
		setSize(t, path, end)
		lost := FaultError{end, 6*page - 100, CauseTruncated}
		c, p := m.Cursor(), make([]byte, 8*page)
		_, at := m.At(7 * page)
		_, first := m.At(end)
		_, read := m.ReadAt(p[:10], end-9)
		_, written := m.WriteAt(p[:1], end)
		_, writeTo := m.WriteTo(io.Discard)
		_, refresh := m.Refresh()
		_, cursorRead := c.Read(p)
		_, cursorWrite := c.Write(p)
		for what, err := range map[string]error{
			"At": at, "At the first": first, "ReadAt": read, "WriteAt": written, "WriteTo": writeTo, "Refresh": refresh,
			"Fill": m.Fill(0, ToEnd, 1), "Move to": m.Move(end, 0, 1), "Move from": m.Move(0, end, 1),
			"Resize": m.Resize(page), "Resize to more": m.Resize(9 * page), "Flush": m.Flush(),
			"FlushRange": m.FlushRange(0, 1), "Cursor.Read": cursorRead, "Cursor.Write": cursorWrite,
			"Check": m.Check(0, ToEnd), "Check the last": m.Check(8*page-1, 1), "Fault": m.Fault(),
			"View": m.View(func([]byte) error { return nil }), "Recover": m.Recover(),
		} {
			wantsLost(t, what, err, lost)
		}
		if position, _ := c.Seek(0, io.SeekCurrent); position != 0 {
			t.Errorf("a failed call moved the cursor to %d", position)
		}
		// What is left of the file is as good as ever.
		b, err := m.At(end - 1)
		if b != 'x' || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		_, err = m.ReadAt(p[:end], 0)
		succeeds(t, "ReadAt", err)
		_, err = m.WriteAt([]byte("a"), 0)
		succeeds(t, "WriteAt", err)
		succeeds(t, "the rest", errors.Join(m.Fill(1, end-1, 'b'), m.Move(1, 0, 1), m.Check(0, end), m.Check(end, 0)))
		if text := contents(t, path); text != "aa"+strings.Repeat("b", int(end-2)) {
			t.Error("the file holds something else")
		}
	})
}
