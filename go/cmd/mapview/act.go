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

// atOnce is how many bytes are read in between two checks for an interruption.
const atOnce = 4 << 20

// prefault reads the file into memory until that is done or interrupted. A second Ctrl-C ends the program by its signal.
func prefault(s screen, f file) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer s.wipe()
	all := f.m.Len()
	var drawn time.Time
	for done := int64(0); done < all; done += atOnce {
		const seldom = 50 * time.Millisecond // Drawing takes longer than prefaulting pages that are in memory.
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

// evict releases the pages of the file. It writes changed ones back first, since the kernel keeps those.
func evict(_ screen, f file) error {
	if err := f.m.Flush(); err != nil {
		return err
	}
	return f.m.Advise(0, memmap.ToEnd, memmap.AdvicePageOut)
}
