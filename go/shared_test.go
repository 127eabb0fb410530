package memmap

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestNamedMemoryIsFoundByItsName(t *testing.T) {
	name := fmt.Sprintf("/libmemmap-go-%d", os.Getpid())
	_, err := OpenShared(name, 0, nil)
	wants(t, "OpenShared of nothing", err, fs.ErrNotExist)
	made, err := OpenShared(name, 5000, nil)
	succeeds(t, "OpenShared", err)
	defer made.Close()
	defer UnlinkShared(name)
	found, err := OpenShared(name, 0, nil)
	succeeds(t, "OpenShared again", err)
	defer found.Close()
	if _, err := made.WriteAt([]byte("x"), 4999); err != nil || found.Len() != 5000 {
		t.Error(err, found.Len())
	}
	if b, err := found.At(4999); b != 'x' || err != nil {
		t.Error(b, err)
	}
	_, err = found.WriteAt([]byte("y"), 0)
	wants(t, "WriteAt to what was opened for reading", err, ErrAccess)
	_, err = OpenShared(name, 5000, &Options{Flags: Exclusive})
	wants(t, "OpenShared with Exclusive", err, fs.ErrExist)
	for _, bad := range []string{"", "/", "a/b", "..", "a\x00b"} {
		_, err = OpenShared(bad, 1, nil)
		wants(t, bad, err, ErrInvalid)
		wants(t, bad, UnlinkShared(bad), ErrInvalid)
	}
	_, err = OpenShared(name, -1, nil)
	wants(t, "a negative size", err, ErrInvalid)
	succeeds(t, "UnlinkShared", UnlinkShared(name))
	wants(t, "UnlinkShared again", UnlinkShared(name), fs.ErrNotExist)
}

func memfd(t testing.TB, size int64) *Map {
	t.Helper()
	m, err := Memfd("test", size, nil)
	succeeds(t, "Memfd", err)
	t.Cleanup(func() { m.Close() })
	return m
}

func TestSealsAreKeptAndAskedFor(t *testing.T) {
	m := memfd(t, 4096)
	file, err := m.File(0)
	succeeds(t, "File", err)
	defer file.Close()
	_, err = FromFile(file, &Options{Flags: Sealed})
	wants(t, "FromFile of what isn't sealed", err, ErrUnsealed)
	succeeds(t, "Seal", m.Seal(SealShrink|SealGrow))
	if seals, err := m.Seals(); seals != SealShrink|SealGrow || err != nil {
		t.Error(seals, err)
	}
	wants(t, "Resize", m.Resize(1), syscall.EPERM)
	wants(t, "SealWrite while it is mapped for writing", m.Seal(SealWrite), syscall.EBUSY)
	wants(t, "an unknown seal", m.Seal(1<<9), ErrInvalid)
	sealed, err := FromFile(file, &Options{Flags: Sealed})
	succeeds(t, "FromFile", err)
	succeeds(t, "Close", sealed.Close())
	wants(t, "Seal of anonymous memory", anonymous(t, 1, nil).Seal(SealShrink), ErrUnsupported)
	_, err = Memfd("test", -1, nil)
	wants(t, "a negative size", err, ErrInvalid)
}

func TestAFileForReadersAllowsReadingOnly(t *testing.T) {
	m := memfd(t, 100)
	readers, err := m.File(ReadOnly)
	succeeds(t, "File", err)
	defer readers.Close()
	_, err = FromFile(readers, writable)
	wants(t, "mapping it for writing", err, syscall.EACCES)
	_, err = open(t, newFile(t, "x"), nil).File(ReadWrite)
	wants(t, "File of a read-only mapping for writing", err, ErrAccess)
	_, err = m.File(CopyOnWrite)
	wants(t, "File for copy-on-write", err, ErrInvalid)
	_, err = anonymous(t, 1, nil).File(0)
	wants(t, "File of anonymous memory", err, ErrUnsupported)
}

func TestWhatSharesAClosedMapIsErrClosed(t *testing.T) {
	m := memfd(t, 4096)
	cell, err := m.CreateCell(0, 8)
	succeeds(t, "CreateCell", err)
	succeeds(t, "Close", m.Close())
	_, err = m.File(0)
	wants(t, "File", err, ErrClosed)
	wants(t, "Seal", m.Seal(0), ErrClosed)
	_, err = m.Seals()
	wants(t, "Seals", err, ErrClosed)
	wants(t, "LockRange", m.LockRange(t.Context(), 0, 1, LockShared), ErrClosed)
	wants(t, "TryLockRange", m.TryLockRange(0, 1, LockShared), ErrClosed)
	wants(t, "UnlockRange", m.UnlockRange(0, 1), ErrClosed)
	_, err = m.LoadUint32(0)
	wants(t, "LoadUint32", err, ErrClosed)
	wants(t, "StoreUint64", m.StoreUint64(0, 1), ErrClosed)
	wants(t, "Wait", m.Wait(t.Context(), 0, 0), ErrClosed)
	wants(t, "Wake", m.Wake(0, 1), ErrClosed)
	wants(t, "Publish", cell.Publish(nil), ErrClosed)
	_, _, err = cell.Read(nil)
	wants(t, "Read", err, ErrClosed)
	_, err = cell.Sequence()
	wants(t, "Sequence", err, ErrClosed)
	_, err = m.CreateCell(0, 8)
	wants(t, "CreateCell", err, ErrClosed)
	_, err = m.Cell(0)
	wants(t, "Cell", err, ErrClosed)
}

func TestAPeerThatTruncatesIsAnErrorAndNoDeath(t *testing.T) {
	survives(t, func(t *testing.T) {
		size, err := CellSize(4096)
		succeeds(t, "CellSize", err)
		m := memfd(t, size)
		cell, err := m.CreateCell(0, 4096)
		succeeds(t, "CreateCell", err)
		peer, err := m.File(ReadWrite)
		succeeds(t, "File", err)
		defer peer.Close()
		succeeds(t, "Truncate", peer.Truncate(0))
		_, err = m.LoadUint64(8192)
		wants(t, "LoadUint64", err, ErrFault)
		wants(t, "StoreUint32", m.StoreUint32(8192, 1), ErrFault)
		wants(t, "Wait", m.Wait(t.Context(), 8192, 0), ErrFault)
		wants(t, "Publish", cell.Publish(make([]byte, 4096)), ErrFault)
		_, _, err = cell.Read(nil)
		wants(t, "Read", err, ErrFault)
		_, err = m.WriteAt([]byte("x"), 0)
		wants(t, "WriteAt", err, ErrFault)
	})
}

func TestAPeerCannotTruncateWhatIsSealed(t *testing.T) {
	m := memfd(t, 4096)
	succeeds(t, "Seal", m.Seal(SealShrink))
	peer, err := m.File(ReadWrite)
	succeeds(t, "File", err)
	defer peer.Close()
	wants(t, "Truncate", peer.Truncate(0), syscall.EPERM)
	if _, err := m.At(4095); err != nil {
		t.Error(err)
	}
}
