package memmap

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"syscall"
	"testing"
)

// connection is both ends of one, of that kind of socket.
func connection(t *testing.T, kind int) (one, other *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC, 0)
	succeeds(t, "Socketpair", err)
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socket")
		conn, err := net.FileConn(file)
		succeeds(t, "FileConn", err)
		file.Close()
		ends[i] = conn.(*net.UnixConn)
		t.Cleanup(func() { conn.Close() })
	}
	return ends[0], ends[1]
}

func openDescriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	succeeds(t, "ReadDir", err)
	return len(entries)
}

func TestAMapIsHandedOnWithItsPartOfTheFile(t *testing.T) {
	for _, kind := range []int{syscall.SOCK_STREAM, syscall.SOCK_SEQPACKET, syscall.SOCK_DGRAM} {
		one, other := connection(t, kind)
		m := open(t, newFile(t, "0123456789"), &Options{Access: ReadWrite, Offset: 3, Length: 5})
		succeeds(t, "Send", m.Send(one, 0))
		received, err := Receive(other, writable)
		succeeds(t, "Receive", err)
		defer received.Close()
		holdsText(t, received, "34567")
		if _, err := m.WriteAt([]byte("x"), 0); err != nil {
			t.Error(err)
		}
		holdsText(t, received, "x4567")
		succeeds(t, "Send for readers", m.Send(one, ReadOnly))
		_, err = Receive(other, writable)
		wants(t, "Receive for writing", err, syscall.EACCES)
	}
}

func TestWhatCannotBeHandedOnSaysWhy(t *testing.T) {
	one, _ := connection(t, syscall.SOCK_STREAM)
	private := open(t, newFile(t, "x"), &Options{Access: CopyOnWrite})
	wants(t, "a copy-on-write mapping", private.Send(one, 0), ErrAccess)
	wants(t, "anonymous memory", anonymous(t, 1, nil).Send(one, 0), ErrUnsupported)
	wants(t, "writing, of a read-only mapping", open(t, newFile(t, "x"), nil).Send(one, ReadWrite), ErrAccess)
	m := memfd(t, 1)
	wants(t, "nowhere", m.Send(nil, 0), ErrInvalid)
	one.Close()
	wants(t, "a closed connection", m.Send(one, 0), net.ErrClosed)
	succeeds(t, "Close", m.Close())
	wants(t, "a closed Map", m.Send(one, 0), ErrClosed)
}

func message(magic string, offset, length uint64) []byte {
	text := binary.LittleEndian.AppendUint64([]byte(magic), offset)
	return binary.LittleEndian.AppendUint64(text, length)
}

func TestNothingOfAMessageIsBelieved(t *testing.T) {
	file, err := os.Open(newFile(t, zeros(100)))
	succeeds(t, "Open", err)
	defer file.Close()
	folder, err := os.Open(t.TempDir())
	succeeds(t, "Open", err)
	defer folder.Close()
	pipe, _, err := os.Pipe()
	succeeds(t, "Pipe", err)
	defer pipe.Close()
	fd := int(file.Fd())
	for _, c := range []struct {
		what    string
		message []byte
		fds     []int
		err     error
	}{
		{"a length that the file hasn't", message(messageMagic, 0, 101), []int{fd}, ErrRange},
		{"an offset behind the end", message(messageMagic, 101, 0), []int{fd}, ErrRange},
		{"a sum that wraps", message(messageMagic, 50, ^uint64(0)-20), []int{fd}, ErrRange},
		{"negative numbers", message(messageMagic, 1<<63, 1<<63), []int{fd}, ErrRange},
		{"no length", message(messageMagic, 50, 0), []int{fd}, ErrRange},
		{"another message", message("memmap00", 0, 100), []int{fd}, ErrInvalid},
		{"no descriptor", message(messageMagic, 0, 100), nil, ErrInvalid},
		{"two descriptors", message(messageMagic, 0, 100), []int{fd, fd}, ErrInvalid},
		{"too many descriptors", message(messageMagic, 0, 100), []int{fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd}, ErrInvalid},
		{"a directory", message(messageMagic, 0, 0), []int{int(folder.Fd())}, ErrNotRegular},
		{"a pipe", message(messageMagic, 0, 0), []int{int(pipe.Fd())}, ErrNotRegular},
	} {
		one, other := connection(t, syscall.SOCK_STREAM)
		before := openDescriptors(t)
		_, _, err := one.WriteMsgUnix(c.message, syscall.UnixRights(c.fds...), nil)
		succeeds(t, "WriteMsgUnix", err)
		_, err = Receive(other, nil)
		wants(t, c.what, err, c.err)
		if now := openDescriptors(t); now != before {
			t.Errorf("%s: %d descriptors are left open", c.what, now-before)
		}
	}
}

func TestAnEndInsteadOfAMessageIsAnError(t *testing.T) {
	one, other := connection(t, syscall.SOCK_STREAM)
	_, err := one.Write([]byte("memm"))
	succeeds(t, "Write", err)
	one.Close()
	for range 2 {
		if m, err := Receive(other, nil); err == nil {
			t.Error("received", m)
		}
	}
	_, err = Receive(nil, nil)
	wants(t, "from nowhere", err, ErrInvalid)
	_, err = Receive(other, &Options{Length: 1})
	wants(t, "a length of one's own", err, ErrInvalid)
}

func TestAMessageInPartsIsRead(t *testing.T) {
	one, other := connection(t, syscall.SOCK_STREAM)
	m := memfd(t, 10)
	file, err := m.File(0)
	succeeds(t, "File", err)
	defer file.Close()
	text := append(message(messageMagic, 0, 10), "what follows"...)
	_, _, err = one.WriteMsgUnix(text[:3], syscall.UnixRights(int(file.Fd())), nil)
	succeeds(t, "WriteMsgUnix", err)
	go func() { one.Write(text[3:]) }()
	received, err := Receive(other, nil)
	succeeds(t, "Receive", err)
	defer received.Close()
	rest := make([]byte, len("what follows"))
	if _, err := other.Read(rest); err != nil || !bytes.Equal(rest, []byte("what follows")) {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestAReceiverAsksForTheSeal(t *testing.T) {
	one, other := connection(t, syscall.SOCK_STREAM)
	m := memfd(t, 10)
	succeeds(t, "Send", m.Send(one, 0))
	_, err := Receive(other, &Options{Flags: Sealed})
	wants(t, "Receive", err, ErrUnsealed)
	succeeds(t, "Seal", m.Seal(SealShrink))
	succeeds(t, "Send", m.Send(one, 0))
	received, err := Receive(other, &Options{Flags: Sealed})
	succeeds(t, "Receive", err)
	succeeds(t, "Close", received.Close())
}
