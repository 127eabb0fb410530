package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/exp/mmap"
	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

// Files that don't fit into memory: a process that may have only a quarter of the file there, by a control group, reads
// it. It is this program again, as a peer.

// servingVariable makes this program a peer.
const servingVariable = "MEMMAP_BENCH_SERVES"

const (
	pressedSize   = 256 * mib
	pressedMemory = pressedSize / 4
)

// serve does what it is told, as peers do.
func serve(requests io.Reader, replies io.Writer) {
	for lines := bufio.NewScanner(requests); lines.Scan(); {
		reply := "ok"
		if err := pressed(lines.Text()); err != nil {
			reply = err.Error()
		}
		fmt.Fprintln(replies, reply)
	}
}

func pressed(request string) error {
	var who, how, path string
	var times int
	if _, err := fmt.Sscan(request, &who, &times, &how, &path); err != nil {
		return err
	}
	for range times {
		var r interface {
			io.ReaderAt
			io.Closer
		}
		var err error
		advice := map[string]memmap.Advice{"random": memmap.AdviceRandom, "scan": memmap.AdviceSequential}[how]
		if who == "ours" {
			r, err = memmap.Open(path, &memmap.Options{Advice: advice})
		} else {
			r, err = mmap.Open(path)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(readAll(r, how), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the file from its beginning to its end, or at 200 places.
func readAll(r io.ReaderAt, how string) error {
	const piece = 64 << 10
	var buf [piece]byte
	if how == "random" {
		places := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			if _, err := r.ReadAt(buf[:4096], places.Int64N(pressedSize/4096)*4096); err != nil {
				return err
			}
		}
		return nil
	}
	for at := int64(0); at < pressedSize; at += piece {
		if _, err := r.ReadAt(buf[:], at); err != nil {
			return err
		}
	}
	return nil
}

func pressedRandom(folder string) (pair, error) { return underPressure(folder, "random") }

func pressedScan(folder string) (pair, error) { return underPressure(folder, "scan") }

func underPressure(folder, how string) (pair, error) {
	group, err := newGroup(pressedMemory)
	if err != nil {
		return skipped(err.Error())
	}
	path, err := syncedFile(folder, "pressed", pressedSize)
	if err != nil {
		return pair{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return pair{}, err
	}
	them, err := startPeer([]string{servingVariable + "=1"}, self)
	if err != nil {
		return pair{}, err
	}
	err = os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(fmt.Sprint(them.command.Process.Pid)), 0)
	by := func(who string) func(*measure.B) {
		work := them.does(who, how, path)
		return func(b *measure.B) {
			b.StopTimer()
			evict(b, path)
			b.StartTimer()
			work(b)
		}
	}
	return pair{
		ours: by("ours"), theirs: by("theirs"), bothElsewhere: true, times: 1, rounds: 7,
		done: func() {
			them.end()
			os.Remove(group)
		},
	}, err
}

// newGroup makes a control group whose processes may have so much in memory, and returns its folder.
func newGroup(bytes int) (string, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("memmap-bench-%d", os.Getpid())
	var reasons []string
	for _, version := range []struct{ of, limit string }{{"", "memory.max"}, {"memory", "memory.limit_in_bytes"}} {
		parent, err := groupFolder(string(own), version.of)
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		group := filepath.Join(parent, name)
		err = os.Mkdir(group, 0o755)
		if err == nil {
			if err = os.WriteFile(filepath.Join(group, version.limit), []byte(fmt.Sprint(bytes)), 0); err == nil {
				removeAtEnd(group)
				return group, nil
			}
			os.Remove(group)
		}
		reasons = append(reasons, err.Error())
	}
	return "", fmt.Errorf("no control group of memory can be made: %s", strings.Join(reasons, "; "))
}

// groupFolder finds where groups can be made: below this process's own in version 1, which knows memory as a
// controller, and beside it in version 2, where a group with processes can't have such below it.
func groupFolder(own, controller string) (string, error) {
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || fields[1] != controller {
			continue
		}
		candidates := []string{"/sys/fs/cgroup/memory" + fields[2], "/sys/fs/cgroup/memory"}
		if controller == "" {
			candidates = []string{"/sys/fs/cgroup" + filepath.Dir(fields[2])}
		}
		for _, folder := range candidates {
			if info, err := os.Stat(folder); err == nil && info.IsDir() && (controller != "" || hasMemory(folder)) {
				return folder, nil
			}
		}
	}
	return "", &fs.PathError{Op: "control group of memory, version " + map[string]string{"": "2", "memory": "1"}[controller],
		Path: "/sys/fs/cgroup", Err: fs.ErrNotExist}
}

func hasMemory(folder string) bool {
	text, err := os.ReadFile(filepath.Join(folder, "cgroup.subtree_control"))
	return err == nil && strings.Contains(string(text), "memory")
}
