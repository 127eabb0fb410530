//go:build !amd64

package memmap

import "encoding/binary"

// A call by a distance of 26 bits, counted in instructions, as arm64 has it. Elsewhere the result is not used.
const (
	callLength    = 4
	callAlignment = 4
)

// calledBy returns the address that an instruction calls, if it is a call.
func calledBy(instruction []byte, address uintptr) (target uintptr, ok bool) {
	code := binary.LittleEndian.Uint32(instruction)
	distance := int32(code<<6) >> 6 * 4
	return address + uintptr(distance), code>>26 == 0x25
}
