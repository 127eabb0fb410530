package memmap

import (
	"errors"
	"fmt"
)

// A ViewPanic is the value of a panic that passes [Map.View], [Map.WriteTo], [Try] or a loop over [Pieces]
// after pages were lost: the function may have panicked because of zeros that it read. It is [ErrFault], and it
// is the value of the function's panic too if that is an error.
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

// A stage says what code a view runs.
type stage int

const (
	over stage = iota // None any more: nothing has panicked.
	read              // Code that is ended by a fault, which becomes an error.
	loop              // The body of a loop, whose panics go on: Go lets no function that iterates end them.
)

// endView is deferred by code that has entered for a view. The stage is that at which it was left: by a panic, or by
// runtime.Goexit, which goes on in any case, unless it is over. caught is what catch has returned, and before is as in told.
// A panic over a lost byte becomes the error *err.
func (m *Map) endView(op string, before *FaultError, caught bool, at *stage, err *error) {
	release(caught)
	if *at == over {
		m.leave(view)
		return
	}
	if m.mayHaveLost(before) {
		*err = m.leftBy(recover(), op, before, *at)
		return
	}
	m.leave(view) // A panic goes on as it is.
}

// mayHaveLost reports whether a panic may be over a lost byte.
func (m *Map) mayHaveLost(before *FaultError) bool {
	return m.faulted() || m.recovered.Load() != before || bypassed()
}

// leftBy ends a view that was left by a panic with that value, or by Goexit if it is nil. It returns the loss if the panic is
// over a lost byte, and else goes on with it. The stack of the first panic is still there, and a crash prints both.
func (m *Map) leftBy(value any, op string, before *FaultError, at stage) error {
	overLoss := value != nil && m.lostAt(value, before)
	lost := m.told(op, before, nil)
	m.leave(view)
	switch err, _ := value.(error); {
	case value == nil, overLoss && at == read:
		return lost
	case lost == nil, errors.Is(err, ErrFault):
		panic(value)
	}
	panic(&ViewPanic{value, lost})
}
