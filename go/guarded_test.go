package memmap

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// foreignFile is a file of so many pages, each byte 'x', open, and mapped without this package.
func foreignFile(t testing.TB, pages int64) (file *os.File, data []byte) {
	t.Helper()
	path := newFile(t, strings.Repeat("x", int(pages*page)))
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	succeeds(t, "OpenFile", err)
	t.Cleanup(func() { file.Close() })
	return file, foreign(t, path, pages*page)
}

func TestWhatOthersHaveMappedIsGuardedAndRecovered(t *testing.T) {
	survives(t, func(t *testing.T) {
		file, data := foreignFile(t, 4)
		g, err := Guard(data, file)
		succeeds(t, "Guard", err)
		succeeds(t, "Fault", g.Fault())
		setSize(t, file.Name(), page)
		data[3*page] = 'l'
		lost := FaultError{page, 3 * page, CauseTruncated}
		wantsLost(t, "Fault", g.Fault(), lost)
		wantsLost(t, "Recover", g.Recover(), lost)
		setSize(t, file.Name(), 4*page)
		succeeds(t, "Recover", g.Recover())
		succeeds(t, "Fault", g.Fault())
		if data[3*page] != 0 || data[0] != 'x' {
			t.Error("it is not the file")
		}
		data[3*page] = 'f'
		if contents(t, file.Name())[3*page] != 'f' {
			t.Error("it is not shared with the file")
		}
		succeeds(t, "Close", g.Close())
		for what, err := range map[string]error{"Close": g.Close(), "Fault": g.Fault(), "Recover": g.Recover()} {
			wants(t, what, err, ErrClosed)
		}
		if data[0] != 'x' {
			t.Error("it is not mapped any more")
		}
		succeeds(t, "Munmap", syscall.Munmap(data))
	})
}

func TestAPartIsGuardedAndTheFileNeedNotBeKnown(t *testing.T) {
	survives(t, func(t *testing.T) {
		file, data := foreignFile(t, 4)
		g, err := Guard(data[page:3*page], nil)
		succeeds(t, "Guard", err)
		setSize(t, file.Name(), 0)
		load(&data[2*page])
		wantsLost(t, "Fault", g.Fault(), FaultError{page, page, CauseUnknown})
		setSize(t, file.Name(), 4*page)
		wants(t, "Recover", g.Recover(), ErrUnsupported)
		succeeds(t, "Close", g.Close())
	})
}

func TestTheFileMayBeClosedOnceItIsGuarded(t *testing.T) {
	survives(t, func(t *testing.T) {
		file, data := foreignFile(t, 2)
		g, err := Guard(data, file)
		succeeds(t, "Guard", err)
		succeeds(t, "Close of the file", file.Close())
		setSize(t, file.Name(), 0)
		load(&data[0])
		wantsLost(t, "Fault", g.Fault(), FaultError{0, 2 * page, CauseTruncated})
		setSize(t, file.Name(), 2*page)
		succeeds(t, "Recover", g.Recover())
		succeeds(t, "Close", g.Close())
	})
}

func TestAfterCloseAFaultIsGosAgain(t *testing.T) {
	dies(t, func(t *testing.T) {
		file, data := foreignFile(t, 2)
		g, err := Guard(data, file)
		succeeds(t, "Guard", err)
		succeeds(t, "Close", g.Close())
		setSize(t, file.Name(), 0)
		load(&data[0])
	}, nil, "unexpected fault address", "[signal SIGBUS")
}

func TestWhatCannotBeGuardedSaysWhy(t *testing.T) {
	file, data := foreignFile(t, 2)
	other, _ := foreignFile(t, 2)
	closedFile, _ := foreignFile(t, 1)
	closedFile.Close()
	for _, c := range []struct {
		what string
		data []byte
		file *os.File
		want error
	}{
		{"nothing", nil, file, ErrInvalid}, {"no bytes", data[:0], file, ErrInvalid},
		{"another file", data, other, ErrInvalid}, {"a closed file", data, closedFile, ErrClosed},
	} {
		_, err := Guard(c.data, c.file)
		wants(t, c.what, err, c.want)
	}
	g, err := Guard(data, file)
	succeeds(t, "Guard", err)
	_, err = Guard(data[page:], file)
	wants(t, "twice", err, ErrBusy)
	_, m := paged(t, 1, nil)
	_, err = Guard(m.Bytes(), nil)
	wants(t, "a Map's", err, ErrBusy)
	if err.Error() != "memmap: guard: page is guarded already or belongs to a Map" {
		t.Error(err)
	}
	succeeds(t, "Close", g.Close())
	succeeds(t, "Munmap", syscall.Munmap(data))
}
