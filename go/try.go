package memmap

import (
	"errors"
	"unsafe"
)

// Try calls f and returns the error that f returns. A byte of any mapping that the guard watches and that is lost ends f at
// the first access, and Try returns [ErrFault], with a [FaultError] that says what is lost: not only in a [Map.View], but
// also in the slices of [Map.Bytes], [BasicMmap], [MapFile] and [Guard], and in the body of a loop over [Pieces].
//
// f is left as by a panic that is recovered: its deferred calls run, and what it has changed by then stays. A panic of its
// own goes on. A goroutine that f starts is not covered, as with any panic: it needs a Try of its own, else it reads
// zeros. C code that f calls reads zeros too. Try returns [ErrFault] then, after f has returned: while a mapping of this
// process has pages that read as zeros, every Try does, since f may have read them. [Map.Recover] ends that, and so does
// closing the mapping, for the calls of Try that begin afterwards. A system call that is passed a lost byte fails with EFAULT.
//
// As with [runtime/debug.SetPanicOnFault], which Try sets and restores: a fault while the runtime holds a lock of its own is
// fatal, and a map whose key or value is compared in lost memory during an assignment is of no more use.
func Try(f func() error) (err error) {
	decideGuard()
	before, records := passedOn.Load(), forgotten.Load()
	returned, caught := false, catch()
	defer func() {
		release(caught)
		if !returned && (passedOn.Load() != before || mayReadZeros() || bypassed()) {
			err = left(recover(), before)
		}
	}()
	err = f()
	returned = true
	if mayReadZeros() {
		return orLoss(err, records)
	}
	return err
}

// left is how a Try ends whose function was left by a panic with that value, or by runtime.Goexit if it is nil. It returns
// the loss if the panic is over a lost byte, and else goes on with it. Before is how many faults had been passed on.
func left(value any, before uint32) error {
	if value == nil {
		return nil
	}
	if address := faultAddress(value); address != 0 {
		if lost := lossAt(address); lost != nil {
			return lost
		}
		if wasPassedOn(address, before) { // The mapping may have been closed by a deferred call.
			return &Error{"try", "", ErrFault}
		}
	}
	err, _ := value.(error)
	if !mayReadZeros() || errors.Is(err, ErrFault) {
		panic(value)
	}
	if lost := anyLoss(); lost != nil {
		panic(&ViewPanic{value, lost})
	}
	panic(value)
}

// orLoss returns err, and beside it what is lost of any mapping, or that something was: records is how many losses had been
// forgotten before.
func orLoss(err error, records uint64) error {
	if errors.Is(err, ErrFault) {
		return err
	}
	lost := anyLoss()
	if lost == nil && forgotten.Load() != records {
		lost = &Error{"try", "", ErrFault}
	}
	if lost == nil {
		return err
	}
	return errors.Join(err, lost)
}

// lossAt returns what is lost of the mapping that an address is in, nil if it is in none or not lost.
func lossAt(address uintptr) error {
	for handle, known := range everyMapping {
		m := lookAt(handle)
		offset := int64(address - uintptr(m.data))
		if m.status != 0 || !holds(m.length, offset, 1) {
			continue
		}
		recordFault((*byte)(unsafe.Add(m.data, offset)))
		if checkRange(handle, uint64(offset), 1) == statusFault {
			return known.lost()
		}
		return nil
	}
	return nil
}

// anyLoss returns what is lost of one of the mappings, nil if nothing is.
func anyLoss() error {
	for handle, known := range everyMapping {
		if fault, _ := getFault(handle); fault != nil {
			return known.lost()
		}
	}
	return nil
}

// A mapping is one that Try may have to look at: a slice or a listed.
type mapping interface{ lost() error }

// A slice is a region whose loss Try returns.
type slice struct{ region }

func (s slice) lost() error { return &Error{"try", "", s.region.lost()} }

// everyMapping yields the handles of the slices, of the Maps and of what is guarded, as they are now.
func everyMapping(yield func(handle uint64, known mapping) bool) {
	for _, r := range live.all() {
		if !yield(r.handle, slice{r}) {
			return
		}
	}
	for _, l := range handles.all() {
		if !yield(l.handle, &l) {
			return
		}
	}
}
