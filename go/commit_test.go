package memmap

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// atomicMap is a new file of size zero bytes, whose changes reach it by commits.
func atomicMap(t *testing.T, size int64) (path string, m *Map) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "accounts")
	m, err := Create(path, size, &Options{Flags: Atomic})
	succeeds(t, "Create", err)
	t.Cleanup(func() { m.Close() })
	return path, m
}

func wantsFile(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	succeeds(t, "ReadFile", err)
	if string(text[:len(want)]) != want {
		t.Errorf("the file has %q, not %q", text[:len(want)], want)
	}
}

func TestCommitBringsChangesToTheFileAndRollbackTakesThemBack(t *testing.T) {
	path, m := atomicMap(t, page)
	_, err := m.WriteAt([]byte("one"), 0)
	succeeds(t, "WriteAt", err)
	wantsFile(t, path, "\x00\x00\x00")
	succeeds(t, "Commit", m.Commit())
	wantsFile(t, path, "one")
	_, err = m.WriteAt([]byte("two"), 0)
	succeeds(t, "WriteAt", err)
	succeeds(t, "Resize", m.Resize(3*page))
	succeeds(t, "Rollback", m.Rollback())
	if m.Len() != page {
		t.Errorf("it has %d bytes after a rollback", m.Len())
	}
	b, err := m.At(0)
	if b != 'o' || err != nil {
		t.Errorf("%q, %v after a rollback", b, err)
	}
	succeeds(t, "Checkpoint", m.Checkpoint())
}

func TestUpdateCommitsOnNilAndRollsBackOtherwise(t *testing.T) {
	path, m := atomicMap(t, page)
	put := func(text string, err error) func([]byte) error {
		return func(data []byte) error { copy(data, text); return err }
	}
	succeeds(t, "Update", m.Update(put("kept", nil)))
	refused := errors.New("refused")
	wants(t, "Update", m.Update(put("gone", refused)), refused)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		m.Update(func(data []byte) error { copy(data, "gone"); panic("on purpose") })
	}()
	wantsFile(t, path, "kept")
	succeeds(t, "View", m.View(func(data []byte) error {
		if string(data[:4]) != "kept" {
			t.Errorf("memory has %q", data[:4])
		}
		return nil
	}))
	succeeds(t, "Close", m.Close())
	again, err := Open(path, &Options{Access: ReadWrite, Flags: Atomic})
	succeeds(t, "Open", err)
	defer again.Close()
	if b, err := again.At(0); b != 'k' || err != nil {
		t.Errorf("%q, %v after opening it again", b, err)
	}
	_, err = Open(path, &Options{Access: ReadWrite, Flags: Atomic})
	wants(t, "a second writer", err, ErrBusy)
}

func TestCommitIsOfAtomicMapsOnly(t *testing.T) {
	_, m := paged(t, 1, &Options{Access: ReadWrite})
	for name, call := range map[string]func() error{"Commit": m.Commit, "Rollback": m.Rollback, "Checkpoint": m.Checkpoint} {
		wants(t, name, call(), ErrUnsupported)
	}
	succeeds(t, "Close", m.Close())
	for name, call := range map[string]func() error{"Commit": m.Commit, "Rollback": m.Rollback, "Checkpoint": m.Checkpoint} {
		wants(t, name, call(), ErrClosed)
	}
}
