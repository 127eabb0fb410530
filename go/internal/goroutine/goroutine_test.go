package goroutine

import (
	"reflect"
	"runtime"
	"testing"
)

func TestTheRunningGoroutineIsFound(t *testing.T) {
	known := runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"
	here := Current()
	if (here != 0) != known || here != Current() {
		t.Errorf("it is at %#x, and then at %#x", here, Current())
	}
	other := make(chan uintptr)
	go func() { other <- Current() }()
	if there := <-other; known && there == here {
		t.Errorf("another one is at %#x too", there)
	}
	place, code := Find(), reflect.ValueOf(TestTheRunningGoroutineIsFound).Pointer()
	switch {
	case !known && place != (Place{}), known && place.Locate == 0 && (code < place.Start || place.End <= code):
		t.Errorf("it is said to be found by %+v", place)
	case known && runtime.FuncForPC(place.Locate|place.Start) == nil:
		t.Errorf("%+v is no code", place)
	}
}
