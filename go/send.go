package memmap

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"os"
	"syscall"
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
// Nothing of it is believed: what is no such message, or not exactly one descriptor, is [ErrInvalid]; an
// offset and a length that the file doesn't have are [ErrRange]; what is no file is [ErrNotRegular]. With
// [Sealed] it must be sealed against shrinking, or it is [ErrUnsealed]: without, whoever sent it may
// cut it at any time, which is ErrFault for those who read it then.
//
// The options' Offset and Length are the sender's to say, so here they are 0.
func Receive(conn *net.UnixConn, options *Options) (*Map, error) {
	wished := Options{}
	if options != nil {
		wished = *options
	}
	if conn == nil || wished.Offset != 0 || wished.Length != 0 {
		return nil, &Error{"receive", "", ErrInvalid}
	}
	file, offset, length, err := receiveFile(conn)
	if err != nil {
		return nil, &Error{"receive", "", err}
	}
	defer file.Close()
	wished.Offset, wished.Length = offset, length
	return FromFile(file, &wished)
}

func receiveFile(conn *net.UnixConn) (file *os.File, offset, length int64, err error) {
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
	offset, length, err = believed(descriptors[0], binary.LittleEndian.Uint64(numbers), binary.LittleEndian.Uint64(numbers[8:]))
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

// believed checks what a message says against what the system says.
func believed(fd int, offset, length uint64) (int64, int64, error) {
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
	}
	return int64(offset), int64(length), nil
}
