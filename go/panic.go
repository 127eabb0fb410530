package memmap

import (
	"errors"
	"fmt"
)

// A ViewPanic is the value of a panic that passes [Map.View], [Map.WriteTo] or a loop over [Pieces] after pages
// of the mapping were lost: the function has most likely panicked because of zeros that it read. It is
// [ErrFault], and it is the value of the function's panic too if that is an error.
//
// If nothing was lost, or if the value of the panic is [ErrFault] already, the panic goes on with its own
// value.
type ViewPanic struct {
	// Value is the value that the function has panicked with.
	Value any
	// Fault is the loss: the error that View would have returned.
	Fault error
}

// Error returns the value of the function's panic and the loss.
func (p *ViewPanic) Error() string {
	return fmt.Sprintf("%v (after reading lost pages: %v)", p.Value, p.Fault)
}

// Unwrap returns Fault, and Value if that is an error.
func (p *ViewPanic) Unwrap() []error {
	if err, ok := p.Value.(error); ok {
		return []error{err, p.Fault}
	}
	return []error{p.Fault}
}

// endView is deferred by code that has entered for a view. inside reports whether the function that the bytes
// are lent to was left without returning: by a panic, or by runtime.Goexit, which goes on in any case. before
// is as in told.
func (m *Map) endView(op string, before *FaultError, inside *bool) {
	if *inside {
		if lost := m.leftInside(op, before); lost != nil {
			rethrow(recover(), lost)
		}
		return
	}
	m.leave(view)
}

// leftInside ends a view whose function did not return. It returns the loss, if there is one.
func (m *Map) leftInside(op string, before *FaultError) error {
	lost := m.told(op, before, nil)
	m.leave(view)
	return lost
}

// rethrow goes on with a panic that was caught and adds the loss. The stack of the first panic is still there,
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
