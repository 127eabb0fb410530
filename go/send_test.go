package memmap

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"libmemmap/memmap/internal/programtest"
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

func TestWhatAMessageSaysIsComparedWithTheFile(t *testing.T) {
	file, err := os.Open(newFile(t, zeros(100)))
	succeeds(t, "Open", err)
	defer file.Close()
	folder, err := os.Open(t.TempDir())
	succeeds(t, "Open", err)
	defer folder.Close()
	pipe, _, err := os.Pipe()
	succeeds(t, "Pipe", err)
	defer pipe.Close()
	large, err := os.Create(filepath.Join(t.TempDir(), "large"))
	succeeds(t, "Create", err)
	defer large.Close()
	const more = DefaultReceiveLimit + 1
	succeeds(t, "Truncate", large.Truncate(2*more))
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
		{"more than is allowed", message(messageMagic, 0, more), []int{int(large.Fd())}, ErrLimit},
		{"more than is allowed, further on", message(messageMagic, more, more), []int{int(large.Fd())}, ErrLimit},
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

// sends has conn send text and the descriptors.
func sends(t *testing.T, conn *net.UnixConn, text []byte, fds ...int) {
	t.Helper()
	_, _, err := conn.WriteMsgUnix(text, syscall.UnixRights(fds...), nil)
	succeeds(t, "WriteMsgUnix", err)
}

func TestWhatIsReceivedIsNoLongerThanTheReceiverAllows(t *testing.T) {
	survives(t, func(t *testing.T) {
		one, other := connection(t, syscall.SOCK_STREAM)
		file, err := os.Create(filepath.Join(t.TempDir(), "large"))
		succeeds(t, "Create", err)
		defer file.Close()
		const large = 4 << 40
		if err := file.Truncate(large); err != nil {
			programtest.Skip(t, "no file of %d bytes: %v", int64(large), err)
		}
		leave(t, 8<<30)
		var taken int64
		for range 52 { // As many as took all addresses that there are.
			sends(t, one, message(messageMagic, 0, large), int(file.Fd()))
			_, err := Receive(other, nil)
			wants(t, "Receive", err, ErrLimit)
			sends(t, one, message(messageMagic, 0, 100<<20), int(file.Fd()))
			m, err := Receive(other, &Options{Limit: 100 << 20})
			succeeds(t, "Receive", err)
			defer m.Close()
			taken += m.Len()
		}
		if taken != 52*100<<20 {
			t.Error(taken)
		}
		sends(t, one, message(messageMagic, 0, 100), int(file.Fd()))
		_, err = Receive(other, &Options{Limit: 99})
		wants(t, "Receive", err, ErrLimit)
		_, err = Receive(other, &Options{Limit: -1})
		wants(t, "Receive", err, ErrInvalid)
	})
}

// sendsAPart has one send the beginning of a message, with its descriptor.
func sendsAPart(t *testing.T, one *net.UnixConn) {
	t.Helper()
	m := memfd(t, 10)
	file, err := m.File(0)
	succeeds(t, "File", err)
	sends(t, one, []byte("memma"), int(file.Fd()))
	succeeds(t, "Close", file.Close())
	succeeds(t, "Close", m.Close())
}

func TestTheRestOfAMessageIsWaitedForUntilTheDeadline(t *testing.T) {
	one, other := connection(t, syscall.SOCK_STREAM)
	before := openDescriptors(t)
	sendsAPart(t, one)
	succeeds(t, "SetReadDeadline", other.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := Receive(other, nil)
	wants(t, "Receive", err, os.ErrDeadlineExceeded)
	if now := openDescriptors(t); now != before {
		t.Errorf("%d descriptors are left open", now-before)
	}
}

func TestTheRestOfAMessageIsWaitedForUntilTheContextIsDone(t *testing.T) {
	one, other := connection(t, syscall.SOCK_STREAM)
	sendsAPart(t, one)
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	_, err := ReceiveContext(ctx, other, nil)
	wants(t, "ReceiveContext", err, context.Canceled)
	_, err = ReceiveContext(ctx, other, nil)
	wants(t, "ReceiveContext, cancelled before", err, context.Canceled)
	succeeds(t, "Write", failing(one.Write([]byte("after"))))
	succeeds(t, "Read without a deadline", failing(other.Read(make([]byte, 5))))
}

func failing(_ int, err error) error { return err }

func TestAContextThatIsNotDoneLeavesTheDeadline(t *testing.T) {
	one, other := connection(t, syscall.SOCK_STREAM)
	m := memfd(t, 10)
	succeeds(t, "SetReadDeadline", other.SetReadDeadline(time.Now().Add(time.Hour)))
	succeeds(t, "Send", m.Send(one, 0))
	received, err := ReceiveContext(context.Background(), other, nil)
	succeeds(t, "ReceiveContext", err)
	succeeds(t, "Close", received.Close())
	_, err = ReceiveContext(context.Background(), nil, nil)
	wants(t, "from nowhere", err, ErrInvalid)
}

func TestAShortDatagramDoesNotTakeTheNext(t *testing.T) {
	for _, kind := range []int{syscall.SOCK_SEQPACKET, syscall.SOCK_DGRAM} {
		one, other := connection(t, kind)
		m := memfd(t, 10)
		file, err := m.File(0)
		succeeds(t, "File", err)
		defer file.Close()
		sends(t, one, []byte("memma"), int(file.Fd()))
		succeeds(t, "Send", m.Send(one, 0))
		succeeds(t, "SetReadDeadline", other.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = Receive(other, nil)
		wants(t, "Receive of a part", err, ErrInvalid)
		received, err := Receive(other, nil)
		succeeds(t, "Receive", err)
		succeeds(t, "Close", received.Close())
		sends(t, one, nil, int(file.Fd()))
		_, err = Receive(other, nil)
		if !errors.Is(err, ErrInvalid) && !errors.Is(err, io.EOF) {
			t.Errorf("nothing: %v", err)
		}
	}
}

// What has no seals may be a file of a file system that never says how long it is.
func TestASealIsAskedForBeforeAnythingElse(t *testing.T) {
	folder, err := os.Open(t.TempDir())
	succeeds(t, "Open", err)
	defer folder.Close()
	one, other := connection(t, syscall.SOCK_STREAM)
	sends(t, one, message(messageMagic, 1<<40, 1<<40), int(folder.Fd()))
	_, err = Receive(other, &Options{Flags: Sealed})
	wants(t, "Receive", err, ErrUnsealed)
}
