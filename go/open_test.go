package memmap

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

func TestAnOpenedFileIsReadOnlyAndWhole(t *testing.T) {
	m := open(t, newFile(t, "Hello, mmap"), nil)
	holdsText(t, m, "Hello, mmap")
	info, err := m.Info()
	succeeds(t, "Info", err)
	if info.Access != ReadOnly || info.Offset != 0 || info.Length != 11 || info.Capacity < 11 || info.Views != 0 {
		t.Errorf("%+v", info)
	}
	if m.Len() != 11 {
		t.Errorf("Len is %d", m.Len())
	}
}

func TestOffsetAndLengthNeedNoAlignment(t *testing.T) {
	path := newFile(t, zeros(5000)+"needle"+zeros(5000))
	holdsText(t, open(t, path, &Options{Offset: 5000, Length: 6}), "needle")
	if m := open(t, path, &Options{Offset: 10_000}); m.Len() != 6 {
		t.Errorf("to the end are %d bytes", m.Len())
	}
}

func TestAnEmptyFileMapsWithLengthZero(t *testing.T) {
	m := open(t, newFile(t, ""), writable)
	holdsText(t, m, "")
	succeeds(t, "Flush", m.Flush())
	succeeds(t, "Resize", m.Resize(3))
	holdsText(t, m, zeros(3))
}

func TestACreatedFileIsZeroAndItsOwnersAlone(t *testing.T) {
	path := newFile(t, "old")
	os.Remove(path)
	m, err := Create(path, 5, nil)
	succeeds(t, "Create", err)
	defer m.Close()
	holdsText(t, m, zeros(5))
	status, err := os.Stat(path)
	succeeds(t, "Stat", err)
	if status.Mode() != 0o600 || status.Size() != 5 {
		t.Errorf("%v, %d bytes", status.Mode(), status.Size())
	}
}

func TestCreatingEmptiesWhatIsThereUnlessExclusive(t *testing.T) {
	path := newFile(t, "old")
	_, err := Create(path, 5, &Options{Flags: Exclusive})
	wants(t, "exclusive", err, fs.ErrExist)
	if contents(t, path) != "old" {
		t.Error("the old file was touched")
	}
	m, err := Create(path, 5, &Options{Flags: Durable})
	succeeds(t, "Create", err)
	defer m.Close()
	if contents(t, path) != zeros(5) {
		t.Error("the old contents are still there")
	}
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	folder := t.TempDir()
	file := newFile(t, "Hello")
	fifo, link := filepath.Join(folder, "fifo"), filepath.Join(folder, "link")
	succeeds(t, "Mkfifo", syscall.Mkfifo(fifo, 0o600))
	succeeds(t, "Symlink", os.Symlink(file, link))
	for _, c := range []struct {
		what    string
		path    string
		options *Options
		want    error
	}{
		{"missing file", filepath.Join(folder, "missing"), nil, fs.ErrNotExist},
		{"empty path", "", nil, fs.ErrNotExist},
		{"path with NUL", file + "\x00", nil, ErrInvalid},
		{"path with NUL", file + "\x00", nil, fs.ErrInvalid},
		{"long path", strings.Repeat("x/", 4096), nil, syscall.ENAMETOOLONG},
		{"folder", folder, nil, ErrNotRegular},
		{"folder to write", folder, writable, ErrNotRegular},
		{"FIFO without a writer", fifo, nil, ErrNotRegular},
		{"FIFO to write", fifo, writable, ErrNotRegular},
		{"character device", "/dev/zero", nil, ErrNotRegular},
		{"link", link, &Options{Flags: NoFollow}, syscall.ELOOP},
		{"offset past the end", file, &Options{Offset: 6}, ErrRange},
		{"length past the end", file, &Options{Offset: 1, Length: 5}, ErrRange},
		{"sum that overflows", file, &Options{Offset: math.MaxInt64, Length: math.MaxInt64}, ErrRange},
		{"negative offset", file, &Options{Offset: -1}, ErrRange},
		{"negative length", file, &Options{Length: -1}, ErrInvalid},
		{"negative capacity", file, &Options{Capacity: math.MinInt64}, ErrInvalid},
		{"capacity beyond the address space", file, &Options{Capacity: math.MaxInt64}, ErrLimit},
		{"unknown access", file, &Options{Access: 4}, ErrInvalid},
		{"unknown flag", file, &Options{Flags: 1 << 31}, ErrInvalid},
		{"flag of Create", file, &Options{Flags: Exclusive}, ErrInvalid},
		{"mode of Create", file, &Options{Mode: 0o600}, ErrInvalid},
		{"writable code", file, &Options{Access: ReadWrite, Flags: Executable}, ErrInvalid},
	} {
		m, err := Open(c.path, c.options)
		if m != nil {
			t.Errorf("%s: opened", c.what)
		}
		wants(t, c.what, err, c.want)
		var e *Error
		if !errors.As(err, &e) || e.Op != "open" || e.Path != c.path {
			t.Errorf("%s: %#v", c.what, err)
		}
	}
}

func TestWhatCannotBeCreatedSaysWhyAndLeavesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	for _, c := range []struct {
		what    string
		path    string
		size    int64
		options *Options
		want    error
	}{
		{"negative size", path, -1, nil, ErrInvalid},
		{"size beyond the address space", path, math.MaxInt64, nil, ErrLimit},
		{"mode beyond permissions", path, 1, &Options{Mode: fs.ModeSetuid | 0o600}, ErrInvalid},
		{"mode with raw bits", path, 1, &Options{Mode: 0o4600}, ErrInvalid},
		{"negative offset", path, 1, &Options{Offset: -1}, ErrRange},
		{"window past the end", path, 1, &Options{Offset: 1, Length: 1}, ErrRange},
		{"path with NUL", path + "\x00.txt", 1, nil, ErrInvalid},
		{"missing folder", filepath.Join(path, "new"), 1, nil, fs.ErrNotExist},
	} {
		_, err := Create(c.path, c.size, c.options)
		wants(t, c.what, err, c.want)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: left a file", c.what)
		}
	}
}

func TestASparseTebibyteReadsAtBothEnds(t *testing.T) {
	path := newFile(t, "")
	const size = 1 << 40
	if err := os.Truncate(path, size); err != nil {
		programtest.Skip(t, "no sparse file of 1 TiB here: %v", err)
	}
	m := open(t, path, nil)
	for _, i := range []int64{0, size - 1} {
		if b, err := m.At(i); b != 0 || err != nil {
			t.Errorf("at %d: %d, %v", i, b, err)
		}
	}
}

func TestAnOpenFileIsMappedAndStaysTheCallers(t *testing.T) {
	file, err := os.Open(newFile(t, "Hello"))
	succeeds(t, "Open", err)
	m, err := FromFile(file, nil)
	succeeds(t, "FromFile", err)
	defer m.Close()
	_, err = FromFile(file, writable)
	wants(t, "more access than the file has", err, fs.ErrPermission)
	_, err = m.WriteAt([]byte("J"), 0)
	wants(t, "writing, which nobody asked for", err, ErrAccess)
	_, err = FromFile(file, &Options{Offset: -1})
	wants(t, "negative offset", err, ErrRange)
	_, err = FromFile(file, &Options{Capacity: -1})
	wants(t, "negative capacity", err, ErrInvalid)
	succeeds(t, "closing the file", file.Close())
	holdsText(t, m, "Hello")

	_, err = FromFile(file, nil)
	wants(t, "closed file", err, ErrClosed, fs.ErrClosed)
	_, err = FromFile(nil, nil)
	wants(t, "nil file", err, ErrInvalid)
}

func TestMappingAnOpenFileLeavesItNonblocking(t *testing.T) {
	reader, writer, err := os.Pipe()
	succeeds(t, "Pipe", err)
	defer reader.Close()
	defer writer.Close()
	_, err = FromFile(reader, nil)
	wants(t, "pipe", err, ErrNotRegular)
	connection, _ := reader.SyscallConn()
	connection.Control(func(fd uintptr) {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
		if errno != 0 || flags&syscall.O_NONBLOCK == 0 {
			t.Errorf("flags %#x, %v: reads can't be interrupted any more", flags, errno)
		}
	})
}

func TestAnonymousMemoryIsZeroAndWritable(t *testing.T) {
	m := anonymous(t, 100, nil)
	holdsText(t, m, zeros(100))
	wants(t, "Flush", m.Flush(), ErrUnsupported)
	_, err := m.Refresh()
	wants(t, "Refresh", err, ErrUnsupported)
	for what, options := range map[string]*Options{
		"read-only": {Access: ReadOnly}, "offset": {Offset: 1}, "sparse": {Flags: Sparse},
	} {
		_, err := Anonymous(100, options)
		wants(t, what, err, ErrInvalid)
	}
	_, err = Anonymous(-1, nil)
	wants(t, "negative size", err, ErrInvalid)
	_, err = Anonymous(math.MaxInt64, nil)
	wants(t, "size beyond the address space", err, ErrLimit)
}
