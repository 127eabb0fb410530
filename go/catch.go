package memmap

/*
#cgo noescape memmap_go_snapshot
#cgo nocallback memmap_go_snapshot
#include "catch.h"
*/
import "C"

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"

	"libmemmap/memmap/internal/goroutine"
)

// A fault of Go code is caught: nothing is computed from a page that is lost. The guard's signal handler asks the hook in
// catch.c what to do:
//
//   - A goroutine with [debug.SetPanicOnFault] set, as every function in this package sets it that calls others or reads
//     by plain Go code, gets Go's own panic: the hook passes the signal on to Go's handler, after the library has recorded
//     the loss. The function recovers it and returns ErrFault.
//   - A copy that ReadAt and its like make ends at once: the hook has runtime.memmove return to them. They look at the
//     count of faults afterwards. So they need neither a deferred function nor a panic, which together would cost as much
//     as the copy.
//   - All other code gets a stand-in page of zeros, and an error afterwards: plain slices outside of [Try], C code, and
//     goroutines that a function starts.
//
// Where the runtime keeps the flag of SetPanicOnFault is not documented, so that it is looked for when the first mapping is
// made. Where it is not found, all code gets stand-in pages, and catching is false.

// catching reports whether faults become panics. It is written before there is a mapping.
var catching bool

// copiesEnd reports whether a copy of ReadAt and its like ends at a fault. It is written as catching is.
var copiesEnd bool

// CatchesFaults reports whether a fault inside of [Map.View], [Try] and the methods of a Map ends the function at once. It
// is false, and lost pages read as zeros there too until the call returns [ErrFault], if the guard is off and where
// this package does not know the version of Go or the processor.
func CatchesFaults() bool {
	decideGuard()
	return catching
}

// neverCatches is set by tests, before the first mapping.
var neverCatches bool

var learnOnce sync.Once

// How many faults have become panics of Go, and how many stand-in pages, in this process.
var (
	passedOn     = (*atomic.Uint32)(unsafe.Pointer(C.memmap_go_passed_on()))
	lastPassedOn = (*[C.MEMMAP_GO_LAST]atomic.Uintptr)(unsafe.Pointer(C.memmap_go_last_passed_on()))
	stoodIn      = (*atomic.Uint32)(unsafe.Pointer(C.memmap_go_stood_in()))
)

// learn finds out what the hook has to know. To be called before the guard is installed.
func learn() {
	learnOnce.Do(func() {
		if neverCatches {
			return
		}
		place := goroutine.Find()
		known := C.memmap_go_knowledge{
			locate: C.uintptr_t(place.Locate),
			code:   inC(text{place.Start, place.End}),
			panics: C.uintptr_t(panicFlag()),
		}
		all := learnCopies(&known)
		catching = known.panics != 0
		copiesEnd = bool(C.memmap_go_know(&known)) && all
	})
}

func inC(t text) C.memmap_go_text {
	return C.memmap_go_text{C.uintptr_t(t.start), C.uintptr_t(t.end)}
}

// learnCopies is about the functions whose copies end at a fault: those that read from the mapping, and those that write.
// It reports whether all of them are known. They are not where calls are instrumented, as with the race detector.
func learnCopies(known *C.memmap_go_knowledge) bool {
	var copying text
	add := func(texts *[C.MEMMAP_GO_TEXTS]C.memmap_go_text, functions ...any) bool {
		for i, function := range functions {
			code := textOf(function)
			copying = code.callee("runtime.memmove")
			if copying == (text{}) {
				return false
			}
			texts[i] = inC(code)
		}
		return true
	}
	all := add(&known.readers, (*Map).ReadAt, (*Map).readLess, (*Map).At, (*Reader).ReadAt) && add(&known.writers, (*Map).write)
	if all {
		known.copy = inC(copying)
	}
	return all
}

// panicFlag returns where in a goroutine the runtime has the flag of SetPanicOnFault, 0 if that isn't known: the one byte
// that is what the flag was set to each time.
func panicFlag() uintptr {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g := goroutine.Current()
	if g == 0 {
		return 0
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(false))
	const size = 320 // Less than a goroutine takes.
	var follows [size]bool
	for at := range follows {
		follows[at] = true
	}
	for times, settings := 0, uint64(0x9e37_79b9_7f4a_7c15); times < 64; times++ {
		set := settings>>times&1 != 0
		debug.SetPanicOnFault(set)
		var bytes [size]byte
		snapshot(g, bytes[:])
		for at, b := range bytes {
			follows[at] = follows[at] && (b == 1) == set && b <= 1
		}
	}
	return theOnly(follows[:])
}

// snapshot copies what is in memory at an address.
func snapshot(address uintptr, bytes []byte) {
	C.memmap_go_snapshot(C.uintptr_t(address), (*C.uint8_t)(unsafe.SliceData(bytes)), C.size_t(len(bytes)))
}

// theOnly returns the one index at which there is a true, 0 if there are none or several.
func theOnly(follows []bool) uintptr {
	found := 0
	for at, follow := range follows {
		if follow && found != 0 {
			return 0
		}
		if follow {
			found = at
		}
	}
	return uintptr(found)
}

// metInLibrary reports whether a call of the library has met a loss, and may have put stand-in pages there.
var metInLibrary atomic.Bool

// mayReadZeros reports whether there may be stand-in pages in this process.
func mayReadZeros() bool { return stoodIn.Load() != 0 || metInLibrary.Load() }

// forgotten counts the losses whose record was cleared, before and after a recovery and when a mapping is closed.
var forgotten atomic.Uint64

// wasPassedOn reports whether a fault at an address became a panic since there were before of them. Of very many since then
// the first are forgotten, and count as having been anywhere.
func wasPassedOn(address uintptr, before uint32) bool {
	now := passedOn.Load()
	if now-before > uint32(len(lastPassedOn)) {
		return true
	}
	for ; before != now; before++ {
		if lastPassedOn[before%uint32(len(lastPassedOn))].Load() == address {
			return true
		}
	}
	return false
}

// catch has faults of the running goroutine become panics, until release is given what it returns.
func catch() (before bool) {
	if !catching {
		return false
	}
	return debug.SetPanicOnFault(true)
}

// catches reports whether the running goroutine has faults become panics.
func catches() bool {
	before := catch()
	release(before)
	return before
}

// release restores what catch has returned.
func release(before bool) {
	if catching {
		debug.SetPanicOnFault(before)
	}
}

// A faultPanic is what the runtime panics with for a fault, other than that of a nil pointer.
type faultPanic interface {
	runtime.Error
	Addr() uintptr
}

// faultAddress returns the address of the fault that a panic is about, 0 if it is about none.
func faultAddress(value any) uintptr {
	err, ok := value.(error)
	var fault faultPanic
	if !ok || !errors.As(err, &fault) {
		return 0
	}
	return fault.Addr()
}

// lostAt reports whether a panic is about a byte of m that was lost. before is as in told.
func (m *Map) lostAt(value any, before *FaultError) bool {
	address := faultAddress(value)
	offset := int64(address - uintptr(m.data))
	if address == 0 || !holds(int(m.length.Load()), offset, 1) {
		return false
	}
	recordFault((*byte)(unsafe.Add(m.data, offset)))
	return checkRange(m.handle, uint64(offset), 1) == statusFault || m.recovered.Load() != before
}

// recordFault has the library know of a fault that did not come to the guard, because another handler was in front of it: it puts
// the guard in front and touches the byte again.
func recordFault(lost *byte) {
	if C.memmap_guard_active() != 0 || C.memmap_go_catch() != 0 {
		return
	}
	defer release(catch())
	defer func() { recover() }()
	load(lost)
}

// bypassed reports whether faults may not have come to the guard.
func bypassed() bool { return catching && C.memmap_guard_active() == 0 }

// endOperation is deferred by an operation that reads or writes the mapping by plain Go code and calls no function of the
// program's: it makes an error of a fault. inside reports whether that code was left by a panic, and caught is what catch
// has returned.
func (m *Map) endOperation(op string, caught bool, inside *bool, err *error) {
	release(caught)
	if !*inside {
		m.leave(operation)
		return
	}
	value := recover()
	lost := value != nil && m.lostAt(value, m.recovered.Load()) // Nothing is recovered during an operation.
	if lost {
		*err = m.loss(op)
	}
	m.leave(operation)
	if value != nil && !lost {
		panic(value)
	}
}
