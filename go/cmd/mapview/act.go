package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"libmemmap/memmap"
	"libmemmap/memmap/internal/plain"
)

var errInterrupted = errors.New("interrupted")

// atOnce is how much is brought in between two looks at whether it was interrupted.
const atOnce = 4 << 20

// prefault brings the file in, until it is done or interrupted. A second Ctrl-C ends the program as ever.
func prefault(s screen, f file) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer s.wipe()
	all := f.m.Len()
	var drawn time.Time
	for done := int64(0); done < all; done += atOnce {
		const seldom = 50 * time.Millisecond // Drawing takes a terminal longer than bringing in what is there.
		if time.Since(drawn) > seldom {
			s.progress("prefault", done, all)
			drawn = time.Now()
		}
		if interrupted.Err() != nil {
			return fmt.Errorf("%s: %w after %s of %s", plain.Name(f.path), errInterrupted, size(done), size(all))
		}
		if err := f.m.Prefault(done, min(atOnce, all-done), memmap.PrefaultRead); err != nil {
			return err
		}
	}
	return nil
}

// evict lets the file go: what was changed is written back first, since changed pages stay.
func evict(_ screen, f file) error {
	if err := f.m.Flush(); err != nil {
		return err
	}
	return f.m.Advise(0, memmap.ToEnd, memmap.AdvicePageOut)
}
