// Package broken makes file systems on which mapped pages are lost. It takes root, and answers why where
// that can't be.
package broken

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Size is how many bytes the files have.
const Size = 64 << 10

// Unreadable mounts a file system on folder whose one file has Size bytes, of which every read fails with
// EIO. It answers the file's path.
func Unreadable(folder string) (path string, unmount func() error, err error) {
	options := &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "unreadable"}}
	server, err := fs.Mount(folder, &root{}, options)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(folder, "file"), server.Unmount, nil
}

type root struct{ fs.Inode }

func (r *root) OnAdd(ctx context.Context) {
	child := r.NewPersistentInode(ctx, &unreadable{}, fs.StableAttr{Mode: fuse.S_IFREG})
	r.AddChild("file", child, true)
}

type unreadable struct{ fs.Inode }

var (
	_ fs.NodeGetattrer = (*unreadable)(nil)
	_ fs.NodeOpener    = (*unreadable)(nil)
	_ fs.NodeReader    = (*unreadable)(nil)
)

func (*unreadable) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o666, Size
	return 0
}

// Open has the file cached, without which it couldn't be mapped for writing.
func (*unreadable) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (*unreadable) Read(context.Context, fs.FileHandle, []byte, int64) (fuse.ReadResult, syscall.Errno) {
	return nil, syscall.EIO
}

// Full mounts a tmpfs on folder that has no room left, and in it a file of Size bytes that is one hole.
func Full(folder string) (path string, unmount func() error, err error) {
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=1m"); err != nil {
		return "", nil, err
	}
	unmount = func() error { return syscall.Unmount(folder, 0) }
	path = filepath.Join(folder, "file")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, Size), fill(filepath.Join(folder, "filler"))); err != nil {
		return "", nil, errors.Join(err, unmount())
	}
	return path, unmount, nil
}

func fill(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}
