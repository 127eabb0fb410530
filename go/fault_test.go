package memmap

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
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

func TestWritingWhatWasLostBeforeWritesNothing(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 2, writable)
		setSize(t, path, page)
		_, err := m.At(page)
		wants(t, "At", err, ErrFault)
		n, err := m.WriteAt(make([]byte, 200), page-100)
		wants(t, "WriteAt", err, ErrFault)
		wants(t, "Fill", m.Fill(page-100, 200, 'f'), ErrFault)
		wants(t, "Move", m.Move(page-100, 0, 200), ErrFault)
		if n != 0 || contents(t, path) != strings.Repeat("x", int(page)) {
			t.Errorf("%d bytes were written", n)
		}
	})
}

// The call that meets the loss returns it, and so do later calls.
func TestACopyThatMeetsTheLossSaysSo(t *testing.T) {
	survives(t, func(t *testing.T) {
		for what, use := range map[string]func(m *Map) error{
			"ReadAt":  func(m *Map) error { _, err := m.ReadAt(make([]byte, 100), page-50); return err },
			"WriteAt": func(m *Map) error { _, err := m.WriteAt(make([]byte, 100), page-50); return err },
			"At":      func(m *Map) error { _, err := m.At(page); return err },
			"Fill":    func(m *Map) error { return m.Fill(0, ToEnd, 1) },
			"Move":    func(m *Map) error { return m.Move(0, page, 1) },
			"View":    func(m *Map) error { return m.View(func(data []byte) error { load(&data[page]); return nil }) },
			"WriteTo": func(m *Map) error { _, err := m.WriteTo(&strings.Builder{}); return err },
			"Cursor":  func(m *Map) error { _, err := io.ReadAll(m.Cursor()); return err },
		} {
			path, m := paged(t, 2, writable)
			setSize(t, path, page)
			wantsLost(t, what, use(m), FaultError{page, page, CauseTruncated})
		}
	})
}

func TestARawAccessSurvivesAndTheNextCallTells(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, writable)
		data := m.Bytes()
		setSize(t, path, page)
		if b := data[3*page]; b != 0 {
			t.Errorf("it finds %q", b)
		}
		data[2*page] = 'y'
		if data[2*page] != 'y' || data[0] != 'x' {
			t.Error("it is not memory")
		}
		succeeds(t, "what is whole", m.Check(0, page))
		lost := FaultError{page, 3 * page, CauseTruncated}
		wantsLost(t, "Fault", m.Fault(), lost)
		wantsLost(t, "View", m.View(func([]byte) error { return nil }), lost)
		if len(contents(t, path)) != int(page) {
			t.Error("the file has grown")
		}
	})
}

// elsewhere reads a byte in another goroutine, which gets a stand-in page where it is lost.
func elsewhere(lost *byte) (b byte) {
	done := make(chan struct{})
	go func() { defer close(done); b = load(lost) }()
	<-done
	return b
}

func TestAViewWhoseGoroutinesSawZerosReturnsTheLossWhenItEnds(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, writable)
		mine := errors.New("mine")
		err := m.View(func(data []byte) error {
			setSize(t, path, 0)
			if elsewhere(&data[page]) != 0 {
				t.Error("something else than zeros")
			}
			wants(t, "Check", m.Check(page, 1), ErrFault)
			return mine
		})
		wantsLost(t, "View", err, FaultError{0, 4 * page, CauseTruncated})
		wants(t, "the error of the function", err, mine)
	})
}

func TestTheRestOfATruncatedFilesLastPageReadsAsZerosUntilAPageBehindItIsTouched(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, nil)
		end := page + 100
		setSize(t, path, end)
		p := make([]byte, page)
		n, err := m.ReadAt(p, page)
		if n != int(page) || err != nil || string(p[:100]) != strings.Repeat("x", 100) || string(p[100:]) != zeros(int(page)-100) {
			t.Errorf("%d bytes, %v", n, err)
		}
		succeeds(t, "nobody knows", m.Fault())
		_, err = m.At(2 * page)
		wantsLost(t, "the next page", err, FaultError{end, 4*page - end, CauseTruncated})
		_, err = m.At(end)
		wants(t, "the rest of the page", err, ErrFault)
	})
}

func TestSystemCallsAnswerEFAULTAndWriteToMakesItErrFault(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, nil)
		setSize(t, path, page)
		r, w, err := os.Pipe()
		succeeds(t, "Pipe", err)
		defer r.Close()
		defer w.Close()
		n, err := w.Write(m.Bytes()[page:])
		wants(t, "write", err, syscall.EFAULT)
		if n != 0 {
			t.Errorf("%d bytes", n)
		}
		n, err = w.Write(m.Bytes()[page-10:])
		wants(t, "write from the page before on", err, syscall.EFAULT)
		if n > 10 {
			t.Errorf("%d bytes", n)
		}
		succeeds(t, "nothing is recorded", m.Fault())
		to, err := os.Create(newFile(t, ""))
		succeeds(t, "Create", err)
		defer to.Close()
		written, err := m.WriteTo(to)
		wantsLost(t, "WriteTo", err, FaultError{page, 3 * page, CauseTruncated})
		if written > page {
			t.Errorf("%d bytes", written)
		}
		_, err = w.Write(m.Bytes()[page : page+10])
		wants(t, "no zeros are there", err, syscall.EFAULT)
		load(&m.Bytes()[page]) // Now they are, and a system call can be passed them.
		n, err = w.Write(m.Bytes()[page : page+10])
		if n != 10 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

func TestAFileThatHasGrownAgainBeforeTheTouchIsNoLoss(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, writable)
		setSize(t, path, 0)
		setSize(t, path, 4*page)
		holdsText(t, m, zeros(int(4*page)))
		succeeds(t, "Fault", m.Fault())
	})
}

func TestWithoutADescriptorTheCauseIsUnknownAndNothingComesBack(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, &Options{Flags: NoDescriptor})
		setSize(t, path, 0)
		_, err := m.At(page + 1)
		wantsLost(t, "At", err, FaultError{page, page, CauseUnknown})
		_, err = m.At(3 * page)
		wantsLost(t, "At", err, FaultError{page, 3 * page, CauseUnknown})
		succeeds(t, "nobody has touched it", m.Check(2*page, page))
		setSize(t, path, 4*page)
		wants(t, "Recover", m.Recover(), ErrUnsupported)
	})
}

func TestAFaultInWriteToMmapIsAnError(t *testing.T) {
	survives(t, func(t *testing.T) {
		path := newFile(t, strings.Repeat("x", int(4*page)))
		data := basic(t, path)
		succeeds(t, "nothing is lost", WriteToMmap(data, nil))
		setSize(t, path, page)
		wantsLost(t, "WriteToMmap", WriteToMmap(data[2*page:], []byte("lost")), FaultError{2 * page, page, CauseUnknown})
		if data[3*page] != 0 {
			t.Error("something else than zeros")
		}
		wantsLost(t, "nothing written", WriteToMmap(data, nil), FaultError{2 * page, 2 * page, CauseUnknown})
		wants(t, "elsewhere", WriteToMmap(data, []byte("kept")), ErrFault)
		if text := contents(t, path); text[:5] != "keptx" {
			t.Errorf("the file holds %q", text[:5])
		}
		succeeds(t, "UnmapMemory", UnmapMemory(data))
	})
}

func TestAFaultErrorIsOneLineWithOffsetLengthAndCause(t *testing.T) {
	err := &Error{"read", "/srv/data", &FaultError{4096, 8192, CauseTruncated}}
	if text := err.Error(); text != "memmap: read /srv/data: file was truncated: bytes 4096–12287 are lost" {
		t.Error(text)
	}
	wants(t, "it", err, ErrFault)
}
