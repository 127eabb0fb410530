package memmap

import (
	"errors"
	"fmt"
)

// A ViewPanic is what [Map.View] panics with when its function has panicked and pages of the mapping were lost: most
// likely over the zeros that it found there. So do [Map.WriteTo] when its writer panics, and the loops over [Pieces]
// when their body does. It is [ErrFault], and also what the function has panicked with if that is an error.
//
// Where nothing was lost, and where the panic's own value is [ErrFault] already, the panic goes on as it is.
type ViewPanic struct {
	// Value is what the function has panicked with.
	Value any
	// Fault says what was lost: what View would have returned.
	Fault error
}

// Error is what the function has panicked with, and what was lost.
func (p *ViewPanic) Error() string {
	return fmt.Sprintf("%v; it may have met zeros, since pages were lost: %v", p.Value, p.Fault)
}

// Unwrap is Fault, and Value if that is an error.
func (p *ViewPanic) Unwrap() []error {
	if err, ok := p.Value.(error); ok {
		return []error{err, p.Fault}
	}
	return []error{p.Fault}
}

// endView is deferred by who has entered for a view. inside says whether the function that the bytes are lent to was
// left without returning: by a panic, or by runtime.Goexit, which goes on in any case. before is as in told.
func (m *Map) endView(op string, before *FaultError, inside *bool) {
	if *inside {
		if lost := m.leftInside(op, before); lost != nil {
			rethrow(recover(), lost)
		}
		return
	}
	m.leave(view)
}

// leftInside ends a view whose function did not return, and is what was lost, if anything.
func (m *Map) leftInside(op string, before *FaultError) error {
	lost := m.told(op, before, nil)
	m.leave(view)
	return lost
}

// rethrow goes on with a panic that was caught, and beside it says what was lost. The stack of the first is still there,
// and a crash prints both.
func rethrow(value any, lost error) {
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, ErrFault) {
		panic(value)
	}
	panic(&ViewPanic{value, lost})
}
