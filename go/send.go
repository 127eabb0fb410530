package memmap

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"time"
)

// A message describes a mapping to another process: offset and length in the file, with the descriptor beside
// it (SCM_RIGHTS; see unix(7)).
const (
	messageMagic  = "memmap01"
	messageLength = len(messageMagic) + 8 + 8
	// More descriptors than a message may have, so that too many are noticed.
	mostDescriptors = 8
)

// Send sends the mapping to the process at the other end of conn, which receives it by [Receive]: its
// descriptor, and which part of the file it is. With [ReadOnly] the receiver can map it for reading only; 0
// means the access of the mapping. Send does not wait for the receiver.
//
// Send returns [ErrAccess] for a copy-on-write mapping, whose bytes others would not see, and [ErrUnsupported]
// for one without a file.
func (m *Map) Send(conn *net.UnixConn, access Access) error {
	if conn == nil {
		return m.refused("send", ErrInvalid)
	}
	info, err := m.Info()
	switch {
	case err != nil:
		return err
	case info.Access == CopyOnWrite:
		return m.fail("send", ErrAccess)
	}
	file, err := m.File(access)
	if err != nil {
		return err
	}
	defer file.Close()
	message := append(make([]byte, 0, messageLength), messageMagic...)
	message = binary.LittleEndian.AppendUint64(message, uint64(info.Offset))
	message = binary.LittleEndian.AppendUint64(message, uint64(info.Length))
	_, _, err = conn.WriteMsgUnix(message, syscall.UnixRights(int(file.Fd())), nil)
	if err != nil {
		return m.fail("send", err)
	}
	return nil
}

// Receive maps what the process at the other end of conn sends by [Map.Send], by default read-only.
//
// Receive compares the message with the file. It returns [ErrInvalid] for a malformed message or not exactly
// one descriptor, [ErrRange] for an offset and a length that the file does not have, [ErrLimit] for more bytes
// than Options.Limit, and [ErrNotRegular] for a descriptor that is not a file. The sender controls the contents
// of the file, and its size unless the file is sealed: a process that may change the size can cut the file at
// any time, which is ErrFault for reads after that. With [Sealed], Receive returns [ErrUnsealed] for a file
// that is not sealed against shrinking, before it does anything else with it: only memory files have seals. Any
// other file may be in a file system that the sender serves, where asking for its size or reading its bytes may
// take arbitrarily long.
//
// Receive waits for the message until the deadline of conn (see [net.UnixConn.SetReadDeadline]), by default for
// ever, also after a part of it has come; [ReceiveContext] takes a context. A stream cannot be used after an
// error, since the next message may begin anywhere.
//
// The Offset and the Length of the options must be 0: the sender sets them.
func Receive(conn *net.UnixConn, options *Options) (*Map, error) {
	w, err := options.checked()
	if err != nil {
		return nil, &Error{"receive", "", err}
	}
	if conn == nil || w.Offset != 0 || w.Length != 0 {
		return nil, &Error{"receive", "", ErrInvalid}
	}
	file, offset, length, err := w.receiveFile(conn)
	if err != nil {
		return nil, &Error{"receive", "", err}
	}
	defer file.Close()
	wished := Options(w)
	wished.Offset, wished.Length = offset, length
	return FromFile(file, &wished)
}

// ReceiveContext is Receive that waits until ctx is done; then it returns the error of ctx, and conn has no
// read deadline afterwards.
func ReceiveContext(ctx context.Context, conn *net.UnixConn, options *Options) (*Map, error) {
	if conn == nil {
		return nil, &Error{"receive", "", ErrInvalid}
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{"receive", "", err}
	}
	set := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Unix(0, 0)) // A time in the past: the read returns.
		close(set)
	})
	m, err := Receive(conn, options)
	if stop() {
		return m, err
	}
	<-set
	conn.SetReadDeadline(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = &Error{"receive", "", ctx.Err()}
	}
	return m, err
}

func (w wishes) receiveFile(conn *net.UnixConn) (file *os.File, offset, length int64, err error) {
	message, descriptors, err := receiveMessage(conn)
	defer func() {
		for _, fd := range descriptors {
			syscall.Close(fd)
		}
	}()
	if err != nil {
		return nil, 0, 0, err
	}
	if len(descriptors) != 1 || string(message[:len(messageMagic)]) != messageMagic {
		return nil, 0, 0, ErrInvalid
	}
	numbers := message[len(messageMagic):]
	offset, length, err = w.believed(descriptors[0], binary.LittleEndian.Uint64(numbers), binary.LittleEndian.Uint64(numbers[8:]))
	if err != nil {
		return nil, 0, 0, err
	}
	file = os.NewFile(uintptr(descriptors[0]), "received")
	descriptors = nil
	return file, offset, length, nil
}

// receiveMessage reads one message, and no byte that comes after it.
func receiveMessage(conn *net.UnixConn) (message []byte, descriptors []int, err error) {
	message = make([]byte, messageLength)
	oob := make([]byte, syscall.CmsgSpace(4*mostDescriptors))
	n, oobn, flags, _, err := conn.ReadMsgUnix(message, oob)
	if err != nil {
		return nil, nil, err
	}
	descriptors, err = descriptorsIn(oob[:oobn])
	switch {
	case err != nil:
		return nil, descriptors, err
	case flags&(syscall.MSG_CTRUNC|syscall.MSG_TRUNC) != 0:
		return nil, descriptors, ErrInvalid
	case n == 0:
		return nil, descriptors, io.EOF
	case n < messageLength && conn.LocalAddr().Network() != "unix":
		return nil, descriptors, ErrInvalid // What follows is another message.
	}
	if _, err = io.ReadFull(conn, message[n:]); err != nil { // A stream may come in parts.
		return nil, descriptors, err
	}
	return message, descriptors, nil
}

func descriptorsIn(oob []byte) (descriptors []int, err error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	for i := range messages {
		rights, wrong := syscall.ParseUnixRights(&messages[i])
		descriptors = append(descriptors, rights...)
		if wrong != nil && err == nil {
			err = ErrInvalid
		}
	}
	return descriptors, err
}

// believed checks a message against the file and against the limit of the receiver.
func (w wishes) believed(fd int, offset, length uint64) (int64, int64, error) {
	// First, since this does not wait for a file system.
	if w.Flags&Sealed != 0 && !keepsItsLength(fd) {
		return 0, 0, ErrUnsealed
	}
	var status syscall.Stat_t
	if err := syscall.Fstat(fd, &status); err != nil {
		return 0, 0, err
	}
	switch {
	case status.Mode&syscall.S_IFMT != syscall.S_IFREG:
		return 0, 0, ErrNotRegular
	case offset > math.MaxInt64 || length > math.MaxInt64 || !holds(int(status.Size), int64(offset), int64(length)):
		return 0, 0, ErrRange
	case length == 0 && int64(offset) != status.Size:
		return 0, 0, ErrRange // In Options a length of 0 would mean all that follows.
	case length > w.receivable():
		return 0, 0, ErrLimit
	}
	return int64(offset), int64(length), nil
}

func (w wishes) receivable() uint64 {
	if w.Limit == 0 {
		return DefaultReceiveLimit
	}
	return uint64(w.Limit)
}

// keepsItsLength reports whether fd is sealed against shrinking.
func keepsItsLength(fd int) bool {
	const getSeals, shrink = 1024 + 10, 2 // F_GET_SEALS and F_SEAL_SHRINK of fcntl(2), which package syscall hasn't.
	seals, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), getSeals, 0)
	return errno == 0 && seals&shrink != 0
}
