package memmap

import (
	"reflect"
	"runtime"
	"sort"
)

// A text is the code of a function: its first address and the one behind its last. The zero value is no code.
type text struct{ start, end uintptr }

// textOf returns the code of a function or a method expression.
func textOf(function any) text { return textAt(reflect.ValueOf(function).Pointer()) }

// textAt returns the code of the function that begins at start, the zero value if none does.
func textAt(start uintptr) text {
	if entryOf(start) != start {
		return text{}
	}
	size := 64
	for entryOf(start+uintptr(size)) == start {
		size *= 2
	}
	size = sort.Search(size, func(n int) bool { return entryOf(start+uintptr(n)) != start })
	return text{start, start + uintptr(size)}
}

// entryOf returns where the function begins that the code at an address belongs to, 0 if there is none.
func entryOf(address uintptr) uintptr {
	if f := runtime.FuncForPC(address); f != nil {
		return f.Entry()
	}
	return 0
}

// callee returns the code of the function of that name that is called in t, the zero value if there is no such call.
func (t text) callee(name string) text {
	if t == (text{}) {
		return text{}
	}
	code := make([]byte, t.end-t.start)
	snapshot(t.start, code)
	for at := 0; at+callLength <= len(code); at += callAlignment {
		target, ok := calledBy(code[at:at+callLength], t.start+uintptr(at))
		if !ok || entryOf(target) != target {
			continue
		}
		if runtime.FuncForPC(target).Name() == name {
			return textAt(target)
		}
	}
	return text{}
}
