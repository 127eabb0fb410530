package memmap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

// asNobody runs f without the superuser's power over files. The thread's user for file access is
// the thread's own business (setfsuid(2)).
func asNobody(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Geteuid() == 0 {
		const nobody = 65534
		syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
	}
	f()
}

func TestAFileThatMayOnlyBeReadIsPermission(t *testing.T) {
	path := newFile(t, "Hello")
	for _, change := range []error{
		os.Chmod(path, 0o444), os.Chmod(filepath.Dir(path), 0o755), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755),
	} {
		succeeds(t, "Chmod", change)
	}
	asNobody(func() {
		m, err := Open(path, nil)
		if err != nil {
			programtest.Skip(t, "nobody can't reach the folder of temporary files: %v", err)
		}
		m.Close()
		_, err = BasicMmap(path)
		wants(t, "BasicMmap", err, fs.ErrPermission)
		_, err = Open(path, writable)
		wants(t, "Open", err, fs.ErrPermission)
		_, err = CreateMmapFile(path, 5)
		wants(t, "CreateMmapFile", err, fs.ErrPermission)
	})
	if contents(t, path) != "Hello" {
		t.Error("the file was touched")
	}
}

func TestAReadOnlyFileSystemIsItsErrno(t *testing.T) {
	folder := t.TempDir()
	problem := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and its mounts with it.
		runtime.LockOSThread()
		problem <- mountReadOnly(folder)
		path := filepath.Join(folder, "file")
		_, err := BasicMmap(path)
		wants(t, "BasicMmap", err, syscall.EROFS)
		_, err = CreateMmapFile(filepath.Join(folder, "new"), 5)
		wants(t, "CreateMmapFile", err, syscall.EROFS)
		m, err := Open(path, nil)
		if err == nil {
			err = m.Close()
		}
		problem <- err
	}()
	if err := <-problem; err != nil {
		programtest.Skip(t, "nothing can be mounted here: %v", err)
	}
	succeeds(t, "reading there", <-problem)
}

// mountReadOnly puts a read-only file system with one file at folder, for this thread alone.
func mountReadOnly(folder string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return err
	}
	return errors.Join(
		syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("none", folder, "tmpfs", 0, ""),
		os.WriteFile(filepath.Join(folder, "file"), []byte("Hello"), 0o600),
		syscall.Mount("none", folder, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""),
	)
}
