package memmap

import "os"

// OpenShared maps the shared memory of that name, as shm_open(3) defines it: a file in /dev/shm, which stays
// until [UnlinkShared]. The name may begin with slashes and has no others.
//
// With a size other than 0, OpenShared creates the memory if it does not exist: zeros, with the permissions of
// Options.Mode (0 means 0600), mapped read-write by default. It has its size before another process can open
// it. With size 0, OpenShared returns fs.ErrNotExist if the memory does not exist, and the default is
// read-only. Existing memory is mapped with its own size; with [Exclusive] it is fs.ErrExist.
func OpenShared(name string, size int64, options *Options) (*Map, error) {
	w, err := options.checked()
	if err == nil && size < 0 {
		err = ErrInvalid
	}
	if err != nil {
		return nil, &Error{"open shared", name, err}
	}
	byDefault := ReadWrite
	if size == 0 {
		byDefault = ReadOnly
	}
	return newMap("open shared", name, w, byDefault, openShared(name, size, w))
}

// UnlinkShared removes the name of shared memory. Processes that have it mapped keep it, and it is freed with
// the last of them.
func UnlinkShared(name string) error { return failure("unlink shared", name, unlinkShared(name)) }

// Memfd maps size zero bytes of shared memory that has no name in any file system. A process that receives its
// descriptor, by [Map.Send] or [Map.File], can map it; [Map.Seal] restricts what it can do. The name is shown
// in /proc. Options.Mode (0 means 0600) says which users may open it again through /proc/self/fd.
func Memfd(name string, size int64, options *Options) (*Map, error) {
	w, err := options.checked()
	if err == nil && size < 0 {
		err = ErrInvalid
	}
	if err != nil {
		return nil, &Error{"memfd", name, err}
	}
	return newMap("memfd", name, w, ReadWrite, openMemfd(name, size, w))
}

// File returns a descriptor of the mapping's file, for a child process (exec.Cmd's ExtraFiles) or another
// program. The caller closes it. With [ReadOnly] it allows reading only, whatever the access of the mapping;
// with [ReadWrite], or 0 for the access of the mapping, it is a duplicate of the mapping's own.
//
// File returns [ErrUnsupported] without a file or with [NoDescriptor], and [ErrAccess] for more access than the
// mapping has.
func (m *Map) File(access Access) (*os.File, error) {
	if !m.enter(operation) {
		return nil, m.fail("file", ErrClosed)
	}
	defer m.leave(operation)
	switch {
	case access > ReadWrite:
		return nil, m.fail("file", ErrInvalid)
	case access == ReadWrite && !m.writable:
		return nil, m.fail("file", ErrAccess)
	}
	fd, status := getDescriptor(m.handle, access == ReadOnly)
	if status != 0 {
		return nil, m.outcome("file", status)
	}
	return os.NewFile(uintptr(fd), m.path), nil
}
