package memmap

import (
	"context"
	"errors"
	"go/ast"
	"io"
	"reflect"
	"testing"
)

// What nobody has opened: the zero value of each type that has methods, and a nil Map, which os.File's methods take too.
var unopened = map[string]any{
	"Map":      new(Map),
	"nil Map":  (*Map)(nil),
	"Cursor":   new(Cursor),
	"Cell":     new(Cell),
	"Appender": new(Appender),
	"Pieces":   new(Pieces),
	"Guarded":  new(Guarded),
	"Reader":   new(Reader),
	// Values without a mapping: their methods only must not panic.
	"Error":      new(Error),
	"FaultError": new(FaultError),
	"ViewPanic":  new(ViewPanic),
	"Cause":      Cause(0),
}

// Those of which a closed one is the zero value.
var closedWhenZero = map[string]bool{"Guarded": true, "Reader": true}

func TestEveryMethodOfWhatNobodyHasOpenedIsAnError(t *testing.T) {
	for name, value := range unopened {
		t.Run(name, func(t *testing.T) {
			want := ErrInvalid
			if closedWhenZero[name] {
				want = ErrClosed
			}
			wantsUnopened(t, name, reflect.ValueOf(value), want)
		})
	}
}

// A type that gets its first method has to be in the table.
func TestTheTableOfZeroValuesHasEveryTypeWithMethods(t *testing.T) {
	for _, file := range sources(t) {
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() || !exportedType(f.Recv.List[0].Type) {
				continue
			}
			receiver := f.Recv.List[0].Type
			if star, ok := receiver.(*ast.StarExpr); ok {
				receiver = star.X
			}
			if name := receiver.(*ast.Ident).Name; unopened[name] == nil {
				t.Errorf("%s has the method %s and is not in the table", name, f.Name)
			}
		}
	}
}

// Methods that return no error, and what those of an unopened value do instead.
var (
	// At of a Reader panics as for any index that is out of range.
	panics = map[string]bool{"Reader.At": true}
	// Err tells of a loop, and there was none. Closing a Reader that is closed is no error.
	errorless = map[string]bool{"Pieces.Err": true, "Reader.Close": true}
)

func wantsUnopened(t *testing.T, name string, value reflect.Value, want error) {
	for i := range value.NumMethod() {
		method := name + "." + value.Type().Method(i).Name
		if panics[method] || errorless[method] {
			continue
		}
		results := value.Method(i).Call(arguments(t, value.Method(i).Type()))
		if _, isError := value.Interface().(error); isError {
			continue
		}
		wantsRefusal(t, method, results, want)
	}
}

// arguments are such as would do of a Map that is open.
func arguments(t *testing.T, method reflect.Type) (values []reflect.Value) {
	known := []any{
		context.Background(), io.Discard, make([]byte, 1), func([]byte) error { t.Error("called"); return nil },
	}
	for i := range method.NumIn() {
		value := reflect.Zero(method.In(i))
		for _, one := range known {
			if reflect.TypeOf(one).AssignableTo(method.In(i)) {
				value = reflect.ValueOf(one)
			}
		}
		values = append(values, value)
	}
	return values
}

// wantsRefusal checks that a method has returned an error and nothing else, or a value that returns the error later.
func wantsRefusal(t *testing.T, method string, results []reflect.Value, want error) {
	t.Helper()
	for i, result := range results {
		err, isError := result.Interface().(error)
		switch _, later := result.Interface().(interface{ Err() error }); {
		case isError:
			wants(t, method, err, want)
		case later:
			wantsNoPieces(t, method, result.Interface().(*Pieces), want)
		case result.Kind() == reflect.Pointer && !result.IsNil():
			wantsUnopened(t, method, result, want)
		case result.Kind() == reflect.Func: // Pieces.All; see wantsNoPieces.
		case result.CanInt() && result.Int() == -1: // Found nowhere.
		case !result.IsZero() && method != "Cause.String":
			t.Errorf("%s returns %v at %d", method, result, i)
		case result.Type() == reflect.TypeFor[error]():
			t.Errorf("%s returns no error, wanted %v", method, want)
		}
	}
}

func wantsNoPieces(t *testing.T, method string, p *Pieces, want error) {
	t.Helper()
	for range p.All() {
		t.Errorf("%s: a piece", method)
	}
	wants(t, method, p.Err(), want)
}

func TestLoopsOverNothingSayWhy(t *testing.T) {
	wantsNoPieces(t, "Pieces", new(Pieces), ErrInvalid)
}

// Once it was refused as what nobody has opened, it is refused so again: nothing was counted, closed or kept.
func TestAZeroMapStaysOne(t *testing.T) {
	var m Map
	wants(t, "Close", m.Close(), ErrInvalid)
	wants(t, "View", m.View(nil), ErrInvalid)
	wants(t, "Close again", m.Close(), ErrInvalid)
	if errors.Is(m.Close(), ErrClosed) || m.state.Load() != 0 || m.underWay() != 0 {
		t.Errorf("left in state %#x", m.state.Load())
	}
}
