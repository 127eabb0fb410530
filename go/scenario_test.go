package memmap

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

// ---- Goroutines that go on while the file is cut ----

const (
	users  = 8
	pages  = 16
	rounds = 3
)

// A crowd is goroutines that use every page of a Map, over and over, while the garbage collector runs.
type crowd struct {
	t    *testing.T
	m    *Map
	done atomic.Bool
	told atomic.Int64 // How often a call was ErrFault.
	all  sync.WaitGroup
}

// gather returns when each has gone round once.
func gather(t *testing.T, m *Map) *crowd {
	c := &crowd{t: t, m: m}
	var begun sync.WaitGroup
	goes := func(round func()) {
		begun.Add(1)
		c.all.Add(1)
		go func() {
			defer c.all.Done()
			round()
			begun.Done()
			for !c.done.Load() {
				round()
			}
			round()
		}()
	}
	for user := range int64(users) {
		goes(func() { c.useEveryPage(user) })
	}
	goes(runtime.GC)
	begun.Wait()
	return c
}

// disperse lets each go round once more.
func (c *crowd) disperse() {
	c.done.Store(true)
	c.all.Wait()
}

func (c *crowd) useEveryPage(user int64) {
	p := make([]byte, 64) // Garbage, for the collector.
	for i := range int64(pages) {
		at := (i + user*3) % pages * page
		c.okOrLost("ReadAt", second(c.m.ReadAt(p, at+200)))
		c.okOrLost("WriteAt", second(c.m.WriteAt([]byte("x"), at+user)))
		c.okOrLost("Fill", c.m.Fill(at+300, 10, 'x'))
		c.okOrLost("Move", c.m.Move(at+400, (at+page+400)%(pages*page), 9))
		c.okOrLost("View", c.m.View(func(data []byte) error {
			load(&data[at+page-1])
			data[at+100+user] = 'x'
			return c.m.Check(at, page)
		}))
		load(&c.m.Bytes()[at+page/2])
	}
}

func second(_ int, err error) error { return err }

func (c *crowd) okOrLost(what string, err error) {
	switch {
	case errors.Is(err, ErrFault):
		c.told.Add(1)
	case err != nil:
		c.t.Errorf("%s: %v", what, err)
	}
}

func TestEightGoroutinesSurviveACutFileWhileGarbageIsCollected(t *testing.T) {
	for name, size := range map[string]int64{"to nothing": 0, "in a page": page / 2, "in half": pages / 2 * page} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			survives(t, func(t *testing.T) {
				path, m := paged(t, pages, writable)
				succeeds(t, "the profiler's signals", pprof.StartCPUProfile(io.Discard))
				defer pprof.StopCPUProfile()
				for range rounds {
					c := gather(t, m)
					setSize(t, path, size)
					c.disperse()
					if c.told.Load() == 0 {
						t.Error("no call reported the loss")
					}
					wantsLost(t, "Fault", m.Fault(), FaultError{size, pages*page - size, CauseTruncated})
					c = gather(t, m)
					wants(t, "too short", m.Recover(), ErrFault)
					setSize(t, path, pages*page)
					succeeds(t, "Recover", m.Recover())
					c.disperse()
					succeeds(t, "Fault", m.Fault())
				}
				c := gather(t, m)
				c.disperse()
				if c.told.Load() != 0 {
					t.Error("a call reported a loss where there is none")
				}
			})
		})
	}
}

// ---- Closing ----

func TestAFaultWhileAnotherGoroutineClosesIsSurvived(t *testing.T) {
	survives(t, func(t *testing.T) {
		for range 100 {
			path, m := paged(t, 4, writable)
			var all sync.WaitGroup
			for range 3 {
				all.Add(1)
				go func() {
					defer all.Done()
					useUntilClosed(t, m)
				}()
			}
			runtime.Gosched()
			setSize(t, path, 0)
			succeeds(t, "Close", m.Close())
			all.Wait()
			if n := mappings(t, path); n != 0 {
				t.Fatalf("%d mappings are left", n)
			}
		}
	})
}

func useUntilClosed(t *testing.T, m *Map) {
	for {
		_, err := m.At(2 * page)
		switch {
		case errors.Is(err, ErrClosed):
			return
		case err != nil && !errors.Is(err, ErrFault):
			t.Error(err)
			return
		}
		m.View(func(data []byte) error {
			load(&data[3*page])
			data[page] = 'y'
			return nil
		})
	}
}

func TestClosedButStillViewedItIsGuarded(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, nil)
		err := m.View(func(data []byte) error {
			succeeds(t, "Close", m.Close())
			setSize(t, path, 0)
			if load(&data[3*page]) != 0 {
				t.Error("something else than zeros")
			}
			return nil
		})
		wantsLost(t, "View", err, FaultError{0, 4 * page, CauseTruncated})
		if n := mappings(t, path); n != 0 {
			t.Errorf("%d mappings are left", n)
		}
	})
}

// ---- Processes ----

func TestOfTwoProcessesThatMapAFileOneMayCutIt(t *testing.T) {
	const theirs = "MEMMAP_TEST_FILE"
	if path := os.Getenv(theirs); path != "" {
		m := open(t, path, nil)
		setSize(t, path, page)
		_, err := m.At(3 * page)
		wantsLost(t, "the other's", err, FaultError{page, 3 * page, CauseTruncated})
		return
	}
	survives(t, func(t *testing.T) {
		path, m := paged(t, 4, nil)
		if ended := child(t, theirs+"="+path); ended.status != 0 {
			t.Fatalf("signal %d, exit status %d\n%s", ended.signal, ended.status, ended.output)
		}
		succeeds(t, "what happened to the other is its own affair", m.Fault())
		_, err := m.At(3 * page)
		wantsLost(t, "ours", err, FaultError{page, 3 * page, CauseTruncated})
		b, err := m.At(page - 1)
		if b != 'x' || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
}

// ---- Room ----

func TestAStoreIntoAHoleOfAFullFileSystemIsSurvived(t *testing.T) {
	for name, mount := range map[string]func(*testing.T) string{"tmpfs": smallTmpfs, "ext4": smallExt4} {
		t.Run(name, func(t *testing.T) {
			survives(t, func(t *testing.T) { storeIntoAHole(t, mount(t)) })
		})
	}
}

func storeIntoAHole(t *testing.T, folder string) {
	path, filler := filepath.Join(folder, "file"), filepath.Join(folder, "filler")
	m, err := Create(path, 16*page, &Options{Flags: Sparse})
	succeeds(t, "Create", err)
	defer m.Close()
	_, err = m.WriteAt([]byte("real"), 0)
	succeeds(t, "WriteAt", errors.Join(err, m.FlushRange(0, 4)))
	fillUp(t, filler)
	_, err = m.WriteAt([]byte("lost"), 5*page+1)
	wantsLost(t, "WriteAt", err, FaultError{5 * page, page, CauseIO})
	m.Bytes()[9*page] = 'l'
	wants(t, "Check", m.Check(9*page, 1), ErrFault)
	succeeds(t, "Check", m.Check(6*page, 3*page))
	_, err = m.WriteAt([]byte("kept"), 0)
	succeeds(t, "WriteAt", err)
	succeeds(t, "Remove", os.Remove(filler))
	syscall.Sync()
	succeeds(t, "Recover", m.Recover())
	_, err = m.WriteAt([]byte("good"), 5*page)
	succeeds(t, "WriteAt", errors.Join(err, m.Flush()))
	if text := contents(t, path); text[:4] != "kept" || text[5*page:5*page+5] != "good\x00" || text[9*page] != 0 {
		t.Error("the file holds something else")
	}
}

func fillUp(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	succeeds(t, "Create", err)
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	wants(t, "a full disk", err, syscall.ENOSPC)
	file.Sync()
}

// mounted mounts a file system of its own until the test ends, or skips it.
func mounted(t *testing.T, kind, source, data string, flags uintptr) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount(source, folder, kind, flags, data); err != nil {
		programtest.Skip(t, "no %s can be mounted here: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return folder
}

func smallTmpfs(t *testing.T) string { return mounted(t, "tmpfs", "tmpfs", "size=1m", 0) }

// smallExt4 leaves the loop device to mount(8), which takes it away again when it is unmounted.
func smallExt4(t *testing.T) string {
	folder, image := t.TempDir(), newFile(t, "")
	setSize(t, image, 8<<20)
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-F", image}, {"mount", "-o", "loop", image, folder}} {
		if output, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			programtest.Skip(t, "no ext4 can be made here: %s: %v %s", args[0], err, strings.TrimSpace(string(output)))
		}
	}
	t.Cleanup(func() {
		if output, err := exec.Command("umount", folder).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v %s", err, output)
		}
	})
	return folder
}
