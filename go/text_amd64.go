package memmap

import "encoding/binary"

// A call by a distance of 32 bits, counted from its end.
const (
	callLength    = 5
	callAlignment = 1
)

// calledBy returns the address that an instruction calls, if it is a call.
func calledBy(instruction []byte, address uintptr) (target uintptr, ok bool) {
	distance := int32(binary.LittleEndian.Uint32(instruction[1:]))
	return address + callLength + uintptr(distance), instruction[0] == 0xe8
}
