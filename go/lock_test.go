package memmap

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestALockExcludesOtherMapsAndOtherGoroutines(t *testing.T) {
	path := newFile(t, zeros(100))
	one, other := open(t, path, writable), open(t, path, writable)
	succeeds(t, "LockRange", one.LockRange(t.Context(), 10, 10, LockExclusive))
	for _, m := range []*Map{one, other} {
		wants(t, "the same range", m.TryLockRange(10, 10, LockShared), ErrTimeout)
		succeeds(t, "another range", m.TryLockRange(20, ToEnd, LockExclusive))
		succeeds(t, "UnlockRange", m.UnlockRange(20, ToEnd))
	}
	succeeds(t, "UnlockRange", one.UnlockRange(10, 10))
	wants(t, "UnlockRange again", one.UnlockRange(10, 10), ErrInvalid)
	succeeds(t, "LockRange shared", one.LockRange(t.Context(), 0, 100, LockShared))
	succeeds(t, "LockRange shared", other.LockRange(t.Context(), 0, 100, LockShared))
	wants(t, "exclusive", one.TryLockRange(5, 1, LockExclusive), ErrTimeout)
	succeeds(t, "Close", other.Close())
	wants(t, "an upgrade", one.TryLockRange(0, 100, LockExclusive), ErrTimeout)
	succeeds(t, "UnlockRange", one.UnlockRange(0, 100))
	succeeds(t, "exclusive", one.TryLockRange(0, 100, LockExclusive))
}

func TestWhatCannotBeLockedSaysWhy(t *testing.T) {
	m := open(t, newFile(t, "0123456789"), nil)
	wants(t, "exclusive, read-only", m.TryLockRange(0, 1, LockExclusive), ErrAccess)
	wants(t, "outside", m.TryLockRange(5, 6, LockShared), ErrRange)
	wants(t, "negative", m.TryLockRange(-1, 1, LockShared), ErrRange)
	wants(t, "negative", m.UnlockRange(0, -2), ErrRange)
	wants(t, "an unknown mode", m.TryLockRange(0, 1, 7), ErrInvalid)
	wants(t, "anonymous memory", anonymous(t, 1, nil).TryLockRange(0, 1, LockShared), ErrUnsupported)
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	path := newFile(t, zeros(100))
	one, other := open(t, path, writable), open(t, path, writable)
	succeeds(t, "LockRange", one.LockRange(t.Context(), 0, 1, LockExclusive))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- other.LockRange(ctx, 0, 1, LockShared) }()
	succeeds(t, "Resize meanwhile", other.Resize(200_000))
	cancel()
	wants(t, "LockRange", <-ended, context.Canceled)
	wants(t, "LockRange of a done context", one.LockRange(ctx, 50, 1, LockShared), context.Canceled)
	go func() { ended <- other.LockRange(t.Context(), 0, 1, LockShared) }()
	succeeds(t, "UnlockRange", one.UnlockRange(0, 1))
	succeeds(t, "LockRange", <-ended)
	go func() { ended <- one.LockRange(t.Context(), 0, 1, LockExclusive) }()
	succeeds(t, "Close", one.Close())
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestGoroutinesThatLockLoseNoCount(t *testing.T) {
	path := newFile(t, zeros(8))
	maps := []*Map{open(t, path, writable), open(t, path, writable)}
	var all sync.WaitGroup
	const each = 100
	for i := range 8 {
		m := maps[i%2]
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				if err := countLocked(t.Context(), m); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	all.Wait()
	if b, err := maps[0].At(0); err != nil || b != 8*each%256 {
		t.Error(b, err)
	}
}

func countLocked(ctx context.Context, m *Map) error {
	if err := m.LockRange(ctx, 0, 1, LockExclusive); err != nil {
		return err
	}
	b, err := m.At(0)
	if err == nil {
		_, err = m.WriteAt([]byte{b + 1}, 0)
	}
	return errors.Join(err, m.UnlockRange(0, 1))
}
