package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
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
	var reasons []error
	for _, version := range []struct {
		parent func(root, own string) (string, error)
		limit  string
	}{{parentInVersion2, "memory.max"}, {parentInVersion1, "memory.limit_in_bytes"}} {
		parent, err := version.parent("/sys/fs/cgroup", string(own))
		if err == nil {
			var group string
			if group, err = limited(parent, version.limit, bytes); err == nil {
				return group, nil
			}
		}
		reasons = append(reasons, err)
	}
	return "", fmt.Errorf("no control group of memory can be made: %w; %w", reasons[0], reasons[1])
}

func limited(parent, limit string, bytes int) (group string, err error) {
	group = filepath.Join(parent, fmt.Sprintf("memmap-bench-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		return "", err
	}
	removeAtEnd(group)
	return group, os.WriteFile(filepath.Join(group, limit), []byte(fmt.Sprint(bytes)), 0)
}

// parentInVersion2 is the group above this process's own: one that has processes can't have groups with a limit of
// memory below it.
func parentInVersion2(root, own string) (string, error) {
	path, ok := pathOf(own, "")
	if !ok {
		return "", errors.New("the process is in no group of version 2")
	}
	parent := filepath.Join(root, filepath.Dir(path))
	text, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
	if err != nil {
		return "", err
	}
	if !slices.Contains(strings.Fields(string(text)), "memory") {
		return "", fmt.Errorf("%s doesn't pass on the controller of memory", parent)
	}
	return parent, nil
}

// parentInVersion1 is the process's own group, or in a container, whose groups have other paths outside, the root.
func parentInVersion1(root, own string) (string, error) {
	path, ok := pathOf(own, "memory")
	if !ok {
		return "", errors.New("there is no controller of memory of version 1")
	}
	root = filepath.Join(root, "memory")
	if info, err := os.Stat(filepath.Join(root, path)); err == nil && info.IsDir() {
		return filepath.Join(root, path), nil
	}
	return root, nil
}

// pathOf finds the line of a controller in /proc/self/cgroup; that of version 2 has no name.
func pathOf(own, controller string) (path string, found bool) {
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), controller) {
			return fields[2], true
		}
	}
	return "", false
}
