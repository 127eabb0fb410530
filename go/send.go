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

// A message hands a mapping on: what it is, offset and length in the file, and the descriptor beside it
// (SCM_RIGHTS; see unix(7)).
const (
	messageMagic  = "memmap01"
	messageLength = len(messageMagic) + 8 + 8
	// More descriptors than there should be, so that those who send more are noticed.
	mostDescriptors = 8
)

// Send hands the mapping to the process at the other end of conn, which gets it by [Receive]: its
// descriptor, and which part of the file it is. With [ReadOnly] they can map it for reading only; 0 is what
// the mapping has. Nobody waits for the receiver.
//
// A copy-on-write mapping is [ErrAccess], since others wouldn't see its bytes, and one without a file
// [ErrUnsupported].
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

// Receive maps what the process at the other end of conn hands on by [Map.Send], by default read-only.
//
// What the message says is compared with the file: what is no such message, or not exactly one descriptor, is
// [ErrInvalid]; an offset and a length that the file doesn't have are [ErrRange]; more bytes than the options' Limit are
// [ErrLimit]; what is no file is [ErrNotRegular]. What the file holds is the sender's, and so is its size as long as
// they may change it: without a seal whoever sent it may cut it at any time, which is ErrFault for those who read it
// then. With [Sealed] it must be sealed against shrinking, or it is [ErrUnsealed], before anything else is asked of it: only
// a file in memory has seals. Any other may lie in a file system that its sender serves, where whoever asks for its size,
// or reads its bytes, waits for as long as they like.
//
// It waits for the message until the deadline of conn (see [net.UnixConn.SetReadDeadline]), by default for ever, also
// when a part of it has come: [ReceiveContext] takes a context. A stream is of no more use after an error, since nobody
// knows where the next message begins.
//
// The options' Offset and Length are the sender's to say, so here they are 0.
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

// ReceiveContext is Receive for who waits until ctx is done, which is ctx.Err(). Then conn has no read deadline
// afterwards.
func ReceiveContext(ctx context.Context, conn *net.UnixConn, options *Options) (*Map, error) {
	if conn == nil {
		return nil, &Error{"receive", "", ErrInvalid}
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{"receive", "", err}
	}
	set := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Unix(0, 0)) // Long past: it wakes who reads.
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

// believed checks what a message says against what the system says, and what the receiver allows.
func (w wishes) believed(fd int, offset, length uint64) (int64, int64, error) {
	// First, since this waits for no file system.
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
		return 0, 0, ErrRange // Options have no other way to say it than all that follows.
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

// keepsItsLength says whether fd is of a file that is sealed against shrinking.
func keepsItsLength(fd int) bool {
	const getSeals, shrink = 1024 + 10, 2 // F_GET_SEALS and F_SEAL_SHRINK of fcntl(2), which package syscall hasn't.
	seals, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), getSeals, 0)
	return errno == 0 && seals&shrink != 0
}
