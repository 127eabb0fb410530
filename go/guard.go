package memmap

import "sync/atomic"

// The states of guarding. The first mapping decides: it installs the guard, unless somebody was against it.
const (
	guardUndecided uint32 = iota
	guardWanted           // The first mappings are being made, and see to it.
	guardOn
	guardOff
)

var guarding atomic.Uint32

func init() {
	if variable("MEMMAP_GUARD") == "off" {
		guarding.Store(guardOff)
	}
}

var (
	errGuarded  = &reason{"the guard is installed already, and stays: disable it before the first mapping", []error{ErrInvalid}}
	errGuardOff = &reason{"the guard is off: DisableGuard was called, or MEMMAP_GUARD=off is in the environment", []error{ErrUnsupported}}
)

// DisableGuard has lost pages end the program, as they do without this package: by the runtime's fatal
// error, or a panic under [runtime/debug.SetPanicOnFault]. MEMMAP_GUARD=off in the environment does the same,
// but not in a program that has more rights than who started it (secure_getenv(3)).
//
// It is to be called before the first mapping, which installs the guard: after that it is [ErrInvalid]
// and changes nothing, since a signal handler can't be taken away safely.
func DisableGuard() error {
	if !guarding.CompareAndSwap(guardUndecided, guardOff) && guarding.Load() != guardOff {
		return &Error{"disable guard", "", errGuarded}
	}
	return nil
}
