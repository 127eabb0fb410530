package memmap

import (
	"context"
	"math"
	"sync"
	"testing"
)

func TestNumbersAreLoadedStoredAddedAndSwapped(t *testing.T) {
	m := anonymous(t, 32, nil)
	succeeds(t, "StoreUint32", m.StoreUint32(4, math.MaxUint32))
	if sum, err := m.AddUint32(4, 3); sum != 2 || err != nil {
		t.Error(sum, err)
	}
	if swapped, err := m.CompareAndSwapUint32(4, 1, 9); swapped || err != nil {
		t.Error(swapped, err)
	}
	if swapped, err := m.CompareAndSwapUint32(4, 2, 9); !swapped || err != nil {
		t.Error(swapped, err)
	}
	if value, err := m.LoadUint32(4); value != 9 || err != nil {
		t.Error(value, err)
	}
	succeeds(t, "StoreUint64", m.StoreUint64(24, math.MaxUint64))
	if sum, err := m.AddUint64(24, 3); sum != 2 || err != nil {
		t.Error(sum, err)
	}
	if swapped, err := m.CompareAndSwapUint64(24, 1, 9); swapped || err != nil {
		t.Error(swapped, err)
	}
	if swapped, err := m.CompareAndSwapUint64(24, 2, 1<<40); !swapped || err != nil {
		t.Error(swapped, err)
	}
	if value, err := m.LoadUint64(24); value != 1<<40 || err != nil {
		t.Error(value, err)
	}
	for _, place := range []int64{0, 8, 16} {
		if value, err := m.LoadUint32(place); value != 0 || err != nil {
			t.Error(place, value, err)
		}
	}
}

func TestANumberHasToBeAlignedInsideAndWritable(t *testing.T) {
	m := anonymous(t, 24, nil)
	for offset, want := range map[int64]error{1: ErrInvalid, 6: ErrInvalid, 21: ErrRange, 24: ErrRange, -8: ErrRange,
		math.MaxInt64: ErrRange, math.MinInt64: ErrRange} {
		_, err := m.LoadUint32(offset)
		wants(t, "LoadUint32", err, want)
		wants(t, "StoreUint32", m.StoreUint32(offset, 1), want)
		_, err = m.AddUint64(offset, 1)
		wants(t, "AddUint64", err, want)
		_, err = m.CompareAndSwapUint64(offset, 0, 1)
		wants(t, "CompareAndSwapUint64", err, want)
	}
	_, err := m.LoadUint64(4)
	wants(t, "LoadUint64", err, ErrInvalid)
	_, err = m.LoadUint64(20)
	wants(t, "LoadUint64", err, ErrRange)
	r := open(t, newFile(t, zeros(8)), nil)
	wants(t, "StoreUint64, read-only", r.StoreUint64(0, 1), ErrAccess)
	_, err = r.AddUint32(0, 1)
	wants(t, "AddUint32, read-only", err, ErrAccess)
	_, err = r.CompareAndSwapUint32(0, 0, 1)
	wants(t, "CompareAndSwapUint32, read-only", err, ErrAccess)
	if value, err := r.LoadUint64(0); value != 0 || err != nil {
		t.Error(value, err)
	}
	part := open(t, newFile(t, zeros(100)), &Options{Offset: 3})
	if _, err := part.LoadUint64(5); err != nil {
		t.Error(err) // It is the address that counts.
	}
}

func TestAtomicsAllocateNothing(t *testing.T) {
	m := anonymous(t, 8, nil)
	allocated := testing.AllocsPerRun(100, func() {
		m.AddUint64(0, 1)
		m.CompareAndSwapUint32(0, 0, 1)
		m.LoadUint32(4)
		m.StoreUint32(4, 2)
	})
	if allocated != 0 {
		t.Error(allocated)
	}
}

func TestMapsOfOneFileLoseNoCount(t *testing.T) {
	path := newFile(t, zeros(16))
	var all sync.WaitGroup
	const goroutines, each = 8, 1000
	for range goroutines {
		m := open(t, path, writable)
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				m.AddUint64(8, 1)
			}
		}()
	}
	all.Wait()
	if value, err := open(t, path, nil).LoadUint64(8); value != goroutines*each || err != nil {
		t.Error(value, err)
	}
}

func TestTurnsAreTakenAndNoWakeIsMissed(t *testing.T) {
	path := newFile(t, zeros(8))
	one, other := open(t, path, writable), open(t, path, writable)
	const turns = 300
	play := func(m *Map, own uint32) error {
		for range turns {
			for {
				now, err := m.LoadUint32(4)
				if err != nil {
					return err
				}
				if now%2 == own {
					break
				}
				if err := m.Wait(t.Context(), 4, now); err != nil {
					return err
				}
			}
			if _, err := m.AddUint32(4, 1); err != nil {
				return err
			}
			if err := m.Wake(4, -1); err != nil {
				return err
			}
		}
		return nil
	}
	ended := make(chan error)
	go func() { ended <- play(other, 1) }()
	succeeds(t, "one", play(one, 0))
	succeeds(t, "the other", <-ended)
	if value, _ := one.LoadUint32(4); value != 2*turns {
		t.Error(value)
	}
}

func TestWaitingEndsWithTheContextOrAtOnce(t *testing.T) {
	m := anonymous(t, 8, nil)
	succeeds(t, "Wait for what has changed", m.Wait(t.Context(), 0, 1))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- m.Wait(ctx, 0, 0) }()
	cancel()
	wants(t, "Wait", <-ended, context.Canceled)
	for _, offset := range []int64{-4, 8, math.MaxInt64 - 3} {
		wants(t, "Wait", m.Wait(t.Context(), offset, 0), ErrRange)
		wants(t, "Wake", m.Wake(offset, 1), ErrRange)
	}
	wants(t, "Wait", m.Wait(t.Context(), 2, 0), ErrInvalid)
	wants(t, "Wake", m.Wake(2, 1), ErrInvalid)
}
