package memmap

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Kinds of descriptors that a peer may send.
const (
	aFile = iota
	aSealedMemory
	anUnsealedMemory
	aLargeFile
	aFolder
	aPipe
	aDevice
	aPath
	aFileForWriting
	kindsOfDescriptors
)

const (
	fileSize  = 100
	largeSize = 1 << 40
)

// oneOfEach is a descriptor of each kind.
func oneOfEach(f *testing.F) (fds [kindsOfDescriptors]int) {
	folder := f.TempDir()
	keep := func(kind int, fd int, err error) {
		succeeds(f, "a descriptor", err)
		f.Cleanup(func() { syscall.Close(fd) })
		fds[kind] = fd
	}
	opened := func(kind int, path string, how int) {
		fd, err := syscall.Open(path, how|syscall.O_CLOEXEC, 0o600)
		keep(kind, fd, err)
	}
	path, large := filepath.Join(folder, "file"), filepath.Join(folder, "large")
	succeeds(f, "WriteFile", os.WriteFile(path, make([]byte, fileSize), 0o600))
	succeeds(f, "WriteFile", os.WriteFile(large, nil, 0o600))
	succeeds(f, "Truncate", os.Truncate(large, largeSize))
	const openPath = 0o10000000 // O_PATH
	opened(aFile, path, syscall.O_RDONLY)
	opened(aLargeFile, large, syscall.O_RDONLY)
	opened(aFolder, folder, syscall.O_RDONLY)
	opened(aDevice, "/dev/zero", syscall.O_RDWR)
	opened(aPath, path, openPath)
	opened(aFileForWriting, path, syscall.O_WRONLY)
	for kind, seals := range map[int]Seals{aSealedMemory: SealShrink, anUnsealedMemory: 0} {
		m, err := Memfd("memory", fileSize, nil)
		succeeds(f, "Memfd", err)
		succeeds(f, "Seal", m.Seal(seals))
		fd, status := getDescriptor(m.handle, false)
		succeeds(f, "File", failure("file", "", status))
		keep(kind, fd, m.Close())
	}
	var pipe [2]int
	succeeds(f, "Pipe2", syscall.Pipe2(pipe[:], syscall.O_CLOEXEC))
	f.Cleanup(func() { syscall.Close(pipe[1]) })
	keep(aPipe, pipe[0], nil)
	return fds
}

// mappable says what Receive ought to say of a message.
func mappable(text []byte, kinds []byte, stream, sealed bool, limit uint64) bool {
	if len(text) < messageLength || !stream && len(text) != messageLength || len(kinds) != 1 {
		return false
	}
	size := uint64(fileSize)
	switch kind := kinds[0] % kindsOfDescriptors; {
	case sealed && kind != aSealedMemory:
		return false
	case kind == aLargeFile:
		size = largeSize
	case kind > aLargeFile:
		return false
	}
	numbers := text[len(messageMagic):]
	offset, length := binary.LittleEndian.Uint64(numbers), binary.LittleEndian.Uint64(numbers[8:])
	return string(text[:len(messageMagic)]) == messageMagic && offset <= size && length <= size-offset &&
		(length != 0 || offset == size) && length <= limit
}

// Whatever a peer sends, what is mapped is what the message and the file say, and what came is closed.
func FuzzReceive(f *testing.F) {
	fds := oneOfEach(f)
	for kind := range byte(kindsOfDescriptors) {
		f.Add(message(messageMagic, 0, fileSize), []byte{kind}, byte(0), byte(0), uint64(0))
		f.Add(message(messageMagic, 0, fileSize), []byte{kind}, byte(7), byte(4), uint64(0))
	}
	f.Add(message(messageMagic, 10, 90), []byte{aFile, aFile}, byte(1), byte(0), uint64(0))
	f.Add(message(messageMagic, 0, 1<<31), []byte{aLargeFile}, byte(1), byte(1), uint64(0))
	f.Add(message(messageMagic, 1<<63, 1<<63), []byte{aLargeFile}, byte(1), byte(2), uint64(1<<40))
	f.Add(message(messageMagic, 0, 100), make([]byte, 253), byte(24), byte(0), uint64(99))
	f.Add([]byte("memma"), []byte{aFile}, byte(3), byte(2), uint64(0))
	f.Fuzz(func(t *testing.T, text, kinds []byte, part, how byte, limit uint64) {
		kind := []int{syscall.SOCK_STREAM, syscall.SOCK_SEQPACKET, syscall.SOCK_DGRAM, syscall.SOCK_STREAM}[how%4]
		stream, sealed := kind == syscall.SOCK_STREAM, how&4 != 0
		if len(text) == 0 || len(text) > 100 || len(kinds) > 253 {
			return
		}
		one, other := connection(t, kind)
		before := openDescriptors(t)
		rights := make([]int, len(kinds))
		for i, kind := range kinds {
			rights[i] = fds[kind%kindsOfDescriptors]
		}
		first := text
		if stream {
			first = text[:1+int(part)%len(text)]
		}
		sends(t, one, first, rights...)
		if rest := text[len(first):]; len(rest) > 0 {
			succeeds(t, "Write", failing(one.Write(rest)))
		}
		if stream {
			succeeds(t, "CloseWrite", one.CloseWrite())
		}
		succeeds(t, "SetReadDeadline", other.SetReadDeadline(time.Now().Add(time.Minute)))
		options := Options{Limit: int64(limit >> 1)}
		if sealed {
			options.Flags = Sealed
		}
		allowed := uint64(options.Limit)
		if allowed == 0 {
			allowed = DefaultReceiveLimit
		}
		m, err := Receive(other, &options)
		if wanted := mappable(text, kinds, stream, sealed, allowed); (err == nil) != wanted {
			t.Errorf("%v, wanted one: %v", err, !wanted)
		}
		if err == nil {
			if m.Len() != int64(binary.LittleEndian.Uint64(text[16:])) {
				t.Error(m.Len())
			}
			succeeds(t, "Close", m.Close())
		}
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if now := openDescriptors(t); now != before {
			t.Errorf("%d descriptors are left open", now-before)
		}
	})
}
