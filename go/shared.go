package memmap

import "os"

// OpenShared maps the shared memory of that name, as shm_open(3) has it: a file below /dev/shm, which stays until
// [UnlinkShared]. The name may begin with slashes, and has no others.
//
// With a size that is not 0, memory that isn't there is made: zeros, with the permissions of the options' Mode
// (0 is 0600), mapped read-write by default. It has its size before anybody else can open it. With
// size 0 nothing is made (fs.ErrNotExist), and the default is read-only. Memory that is there is mapped
// with its own size; [Exclusive] refuses it, with fs.ErrExist.
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

// UnlinkShared removes the name of shared memory. Those who have it mapped keep it, and it goes with
// the last of them.
func UnlinkShared(name string) error { return failure("unlink shared", name, unlinkShared(name)) }

// Memfd maps size zero bytes of shared memory that has no name anywhere: whoever is handed its descriptor, by
// [Map.Send] or [Map.File], can map it, and [Map.Seal] says what they can't do. The name is what /proc
// calls it. The options' Mode (0 is 0600) says who may open it again through /proc/self/fd.
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

// File is a descriptor of the mapping's file, for a child process (exec.Cmd's ExtraFiles) or another
// program, which the caller closes. With [ReadOnly] it allows reading only, whatever the mapping's own allows;
// with [ReadWrite], or 0 for what the mapping has, it is a duplicate of that.
//
// It is [ErrUnsupported] without a file, or with [NoDescriptor], and [ErrAccess] for more than the mapping
// has.
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
