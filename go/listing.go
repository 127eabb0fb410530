package memmap

import "sync"

// A listed is a mapping that is known by its handle: of a Map or a Guarded.
type listed struct {
	handle         uint64
	path           string
	next, previous *listed
}

// A listing has the mappings that Try may have to look through.
type listing struct {
	lock  sync.Mutex
	first *listed
}

var handles listing

func (l *listing) add(one *listed) {
	l.lock.Lock()
	defer l.lock.Unlock()
	one.next = l.first
	if l.first != nil {
		l.first.previous = one
	}
	l.first = one
}

// remove does nothing for one that is not there any more.
func (l *listing) remove(one *listed) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if one.previous == nil && l.first != one {
		return
	}
	if one.previous != nil {
		one.previous.next = one.next
	} else {
		l.first = one.next
	}
	if one.next != nil {
		one.next.previous = one.previous
	}
	one.next, one.previous = nil, nil
}

// all returns the mappings as they are now, without their places in the list.
func (l *listing) all() (all []listed) {
	l.lock.Lock()
	defer l.lock.Unlock()
	for one := l.first; one != nil; one = one.next {
		all = append(all, listed{handle: one.handle, path: one.path})
	}
	return all
}

func (l *listed) lost() error { return &Error{"try", l.path, lost(l.handle)} }
