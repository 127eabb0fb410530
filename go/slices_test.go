package memmap

import (
	"math/rand/v2"
	"testing"
)

// The registry is compared with a plain list. Its regions are parts of one block, so that their
// slices are real ones; none is touched.
func TestTheRegistryFindsWhatAPlainListFinds(t *testing.T) {
	const room, cells = 64, 60_000
	block := make([]byte, room*cells)
	cell := func(i int) []byte { return block[i*room : i*room+room/2 : i*room+room/2] }
	random := rand.New(rand.NewPCG(1, 2))
	var r registry
	isLive := make([]bool, cells)
	check := func(i int) {
		part := cell(i)[random.IntN(room/2):]
		part = part[:random.IntN(len(part)+1)]
		found, offset, ok := r.find(part[:len(part):len(part)])
		inside := int(address(part) - address(cell(i)))
		if ok != isLive[i] || ok && (found.handle != uint64(i) || offset != inside) {
			t.Fatalf("region %d, live %v: found %v %+v at %d", i, isLive[i], ok, found, offset)
		}
		if _, _, ok := r.find(block[i*room : i*room+room/2+1]); ok {
			t.Fatalf("found a slice that reaches beyond region %d", i)
		}
	}
	for _, i := range random.Perm(cells) {
		r.add(region{base: address(cell(i)), length: room / 2, handle: uint64(i)})
		isLive[i] = true
		check(random.IntN(cells))
	}
	for range 2 * cells {
		i := random.IntN(cells)
		switch taken, err := r.take(cell(i)); {
		case isLive[i] && (err != nil || taken.handle != uint64(i)), !isLive[i] && err != errNotLive:
			t.Fatalf("region %d, live %v: took %+v, %v", i, isLive[i], taken, err)
		case !isLive[i]:
			r.add(region{base: address(cell(i)), length: room / 2, handle: uint64(i)})
		}
		isLive[i] = !isLive[i]
		check(random.IntN(cells))
	}
	for i := range cells {
		if isLive[i] {
			r.take(cell(i))
		}
	}
	if len(r.chunks) != 0 {
		t.Errorf("%d chunks are left", len(r.chunks))
	}
}
