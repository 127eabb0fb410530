package memmap

import (
	"sync/atomic"
	"unsafe"
)

// The numbers below have the byte order of this machine. Other processes may change them at any time: C by
// memmap_atomic_… or its own atomics, and any other language likewise. An offset whose address is not a multiple of the
// size of the number is ErrInvalid, one outside the mapping is ErrRange. None of the methods is a cgo call. The memory order
// is that of sync/atomic.

// LoadUint32 returns the number at offset.
func (m *Map) LoadUint32(offset int64) (uint32, error) {
	return number(m, "load", offset, reads, func(p *uint32) uint32 { return atomic.LoadUint32(p) })
}

// StoreUint32 stores value at offset.
func (m *Map) StoreUint32(offset int64, value uint32) error {
	_, err := number(m, "store", offset, writes, func(p *uint32) uint32 {
		atomic.StoreUint32(p, value)
		return 0
	})
	return err
}

// AddUint32 adds delta to the number at offset and returns the sum.
func (m *Map) AddUint32(offset int64, delta uint32) (uint32, error) {
	return number(m, "add", offset, writes, func(p *uint32) uint32 { return atomic.AddUint32(p, delta) })
}

// CompareAndSwapUint32 stores value at offset if the number there is old, and reports whether it has.
func (m *Map) CompareAndSwapUint32(offset int64, old, value uint32) (swapped bool, err error) {
	_, err = number(m, "swap", offset, writes, func(p *uint32) uint32 {
		swapped = atomic.CompareAndSwapUint32(p, old, value)
		return 0
	})
	return swapped && err == nil, err
}

// LoadUint64 returns the number at offset.
func (m *Map) LoadUint64(offset int64) (uint64, error) {
	return number(m, "load", offset, reads, func(p *uint64) uint64 { return atomic.LoadUint64(p) })
}

// StoreUint64 stores value at offset.
func (m *Map) StoreUint64(offset int64, value uint64) error {
	_, err := number(m, "store", offset, writes, func(p *uint64) uint64 {
		atomic.StoreUint64(p, value)
		return 0
	})
	return err
}

// AddUint64 adds delta to the number at offset and returns the sum.
func (m *Map) AddUint64(offset int64, delta uint64) (uint64, error) {
	return number(m, "add", offset, writes, func(p *uint64) uint64 { return atomic.AddUint64(p, delta) })
}

// CompareAndSwapUint64 stores value at offset if the number there is old, and reports whether it has.
func (m *Map) CompareAndSwapUint64(offset int64, old, value uint64) (swapped bool, err error) {
	_, err = number(m, "swap", offset, writes, func(p *uint64) uint64 {
		swapped = atomic.CompareAndSwapUint64(p, old, value)
		return 0
	})
	return swapped && err == nil, err
}

// A use is what is done to a number.
type use int

const (
	reads use = iota
	writes
)

// number calls act with the number at offset, which stays where it is until act returns.
func number[N uint32 | uint64](m *Map, op string, offset int64, what use, act func(*N) N) (result N, err error) {
	if !m.enter(operation) {
		return 0, m.fail(op, ErrClosed)
	}
	inside := true
	defer m.endOperation(op, catch(), &inside, &err)
	size := int64(unsafe.Sizeof(result))
	var found N
	err = m.numberAt(offset, size, what)
	if err == nil {
		found = act((*N)(unsafe.Add(m.data, offset)))
		err = m.intact(offset, size)
	}
	inside = false
	if err != nil {
		return 0, m.fail(op, err)
	}
	return found, nil
}

func (m *Map) numberAt(offset, size int64, what use) error {
	switch {
	case what == writes && !m.writable:
		return ErrAccess
	case !holds(int(m.length.Load()), offset, size):
		return ErrRange
	case (uintptr(m.data)+uintptr(offset))%uintptr(size) != 0:
		return ErrInvalid
	}
	return m.intact(offset, size)
}
