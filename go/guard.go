package memmap

import "sync/atomic"

// The states of guarding. The first mapping installs the guard, unless it was disabled before.
const (
	guardUndecided uint32 = iota
	guardWanted           // The first mappings are being made and install it.
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
	errGuarded  = &reason{"guard is installed already", []error{ErrInvalid}}
	errGuardOff = &reason{"guard is off", []error{ErrUnsupported}}
)

// decideGuard returns the state of guarding, which is decided from then on.
func decideGuard() uint32 {
	guarding.CompareAndSwap(guardUndecided, guardWanted)
	state := guarding.Load()
	if state == guardWanted {
		learn()
	}
	return state
}

// DisableGuard makes lost pages end the program, as they do without this package: by the runtime's fatal error,
// or by a panic under [runtime/debug.SetPanicOnFault]. MEMMAP_GUARD=off in the environment does the same,
// except in a program with more rights than the user who started it (secure_getenv(3)).
//
// DisableGuard must be called before the first mapping, which installs the guard. After that it returns
// [ErrInvalid] and changes nothing, since a signal handler cannot be removed safely.
func DisableGuard() error {
	if !guarding.CompareAndSwap(guardUndecided, guardOff) && guarding.Load() != guardOff {
		return &Error{"disable guard", "", errGuarded}
	}
	return nil
}
