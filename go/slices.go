package memmap

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A region is a mapping that was returned as a slice.
type region struct {
	base    uintptr
	length  int
	handle  uint64
	faults  *atomic.Uint32 // The library's count of what was lost.
	pastEnd bool           // See mapPastEnd.
	skip    int            // How many bytes before it the library's mapping begins.
}

// lost returns the loss of the region.
func (r region) lost() error {
	err := lost(r.handle)
	if fault, ok := err.(*FaultError); ok && r.skip != 0 {
		end := fault.Offset + fault.Length
		start := max(fault.Offset, int64(r.skip))
		return &FaultError{start - int64(r.skip), end - start, fault.Cause}
	}
	return err
}

// A registry finds the region that a slice lies in. It is ordered by address, so that sub-slices, also those
// with a clipped capacity, are found as quickly as whole ones, by two binary searches. It is split into chunks,
// so that adding or removing one of 60,000 regions does not move all others.
type registry struct {
	lock   sync.Mutex
	chunks [][]region // None of them is empty.
	spare  []region
}

const chunkSize = 128

var live registry

// add adds a region that was mapped just now.
func (r *registry) add(taken region) {
	r.lock.Lock()
	defer r.lock.Unlock()
	c := max(r.chunkOf(taken.base), 0)
	if c == len(r.chunks) {
		r.chunks = append(r.chunks, r.newChunk())
	}
	if len(r.chunks[c]) == chunkSize {
		c = r.split(c, taken.base)
	}
	r.chunks[c] = slices.Insert(r.chunks[c], after(r.chunks[c], taken.base), taken)
}

// split halves a full chunk and returns the half in which base belongs.
func (r *registry) split(c int, base uintptr) int {
	const half = chunkSize / 2
	upper := append(r.newChunk(), r.chunks[c][half:]...)
	r.chunks[c] = r.chunks[c][:half]
	r.chunks = slices.Insert(r.chunks, c+1, upper)
	if base > upper[0].base {
		return c + 1
	}
	return c
}

func (r *registry) newChunk() []region {
	chunk := r.spare
	r.spare = nil
	if chunk == nil {
		chunk = make([]region, 0, chunkSize)
	}
	return chunk
}

// find returns the live region that data lies in, and the offset of data in it.
func (r *registry) find(data []byte) (found region, offset int, ok bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	c, i := r.search(data)
	if i < 0 {
		return region{}, 0, false
	}
	found = r.chunks[c][i]
	return found, int(address(data) - found.base), true
}

// take removes the region that data is the whole of. It returns an error if data is only a part of a region.
func (r *registry) take(data []byte) (taken region, err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	c, i := r.search(data)
	if i < 0 {
		return region{}, errNotLive
	}
	taken = r.chunks[c][i]
	if taken.base != address(data) || taken.length != len(data) {
		return region{}, errPart
	}
	r.chunks[c] = slices.Delete(r.chunks[c], i, i+1)
	if len(r.chunks[c]) == 0 {
		r.spare = r.chunks[c]
		r.chunks = slices.Delete(r.chunks, c, c+1)
	}
	return taken, nil
}

// search returns the chunk and the index of the region that data lies in, -1 if there is none.
func (r *registry) search(data []byte) (c, i int) {
	start := address(data)
	c = r.chunkOf(start)
	if c < 0 {
		return c, -1
	}
	i = after(r.chunks[c], start) - 1
	if found := r.chunks[c][i]; !holds(found.length, int64(start-found.base), int64(len(data))) {
		return c, -1
	}
	return c, i
}

// all returns the regions as they are now.
func (r *registry) all() (all []region) {
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, chunk := range r.chunks {
		all = append(all, chunk...)
	}
	return all
}

// chunkOf returns the last chunk that begins at or below start, -1 if there is none.
func (r *registry) chunkOf(start uintptr) int {
	return sort.Search(len(r.chunks), func(c int) bool { return r.chunks[c][0].base > start }) - 1
}

// after returns the index behind the last region that begins at or below start.
func after(chunk []region, start uintptr) int {
	return sort.Search(len(chunk), func(i int) bool { return chunk[i].base > start })
}

func address(data []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(data))) }
