package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	mmap "github.com/edsrzf/mmap-go"
	"libmemmap/bench/broken"
	"libmemmap/bench/guide"
	"libmemmap/memmap"
)

// The program that plays is this one.
func TestMain(m *testing.M) {
	if len(os.Args) != 4 || openers[os.Args[1]] == nil {
		os.Exit(m.Run())
	}
	if err := play(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func init() {
	openers["unasked"] = func(path string) (mapping, error) {
		m, err := openGuarded(path)
		return unasked{m}, err
	}
	openers["guarded mmap-go"] = func(path string) (mapping, error) {
		m, err := openMmapGo(path)
		if err != nil {
			return nil, err
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		g, err := memmap.Guard(m.(ofMmapGo).plain, file)
		return ofGuarded{ofGuide(m.(ofMmapGo)), g}, err
	}
}

func TestWithTheGuardEveryLossIsSurvivedAndTold(t *testing.T) {
	whatIsTold := map[string]string{
		"nothing":    fmt.Sprintf("%d bytes from 0 on (truncated)", broken.Size),
		"middle":     fmt.Sprintf("%d bytes from %d on (truncated)", broken.Size-middle, middle),
		"hole":       fmt.Sprintf("bytes from %d on (I/O)", lost),
		"unreadable": fmt.Sprintf("bytes from %d on (I/O)", lost),
	}
	for who, word := range map[string]string{"ReadAt": "told", "View": "told", "tried": "told", "guarded": "told when asked", "guarded mmap-go": "told when asked"} {
		for _, s := range scenarios {
			told, faults := whatIsTold[s.name]
			if !faults {
				continue
			}
			t.Run(strings.ReplaceAll(who+" "+s.name, " ", "_"), func(t *testing.T) {
				cell := played(t, who, s)
				if !strings.HasPrefix(cell, word+": ErrFault, ") || !strings.HasSuffix(cell, told) {
					t.Error(cell)
				}
			})
		}
	}
}

func TestWithoutTheGuardTheyDieOfIt(t *testing.T) {
	for _, who := range []string{"guide", "mmap-go", "expmmap"} {
		if cell := played(t, who, scenarios[0]); cell != "**died: SIGBUS**" {
			t.Errorf("%s: %s", who, cell)
		}
	}
}

func TestAMapThatIsClosedSaysSo(t *testing.T) {
	for _, s := range scenarios {
		if s.name != "closed" {
			continue
		}
		if cell := played(t, "ReadAt", s); cell != "told: ErrClosed" {
			t.Error(cell)
		}
	}
}

// The last column: what a program has computed when the file was truncated meanwhile.
func TestWhatIsComputedFromLostBytes(t *testing.T) {
	sum := scenarios[len(scenarios)-1]
	for who, want := range map[string]string{
		"guide": "nothing: it died", "mmap-go": "nothing: it died", "expmmap": "nothing: it died",
		"panic": "nothing: `runtime.Error`", "ReadAt": "nothing: `ErrFault`", "View": "nothing: `ErrFault`", "tried": "nothing: `ErrFault`", "guarded": "zeros, told when asked",
	} {
		if cell := played(t, who, sum); cell != want {
			t.Errorf("%s: %s", who, cell)
		}
	}
	// A program that ends without an error and asks nobody has believed the zeros.
	if cell := played(t, "unasked", sum); cell != "**zeros, not told**" {
		t.Errorf("unasked: %s", cell)
	}
}

// What the front page shows of the peers in Go is what they do now, as far as it takes no mount.
func TestTheFrontPageShowsWhatHappens(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	must(t, err)
	for key, name := range inGoNames {
		who, what, _ := strings.Cut(name, ": ")
		var cells []string
		for _, line := range strings.Split(string(text), "\n") {
			first, rest, isRow := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
			// Programs with the same outcomes share a row, and the part of their names up to the colon.
			if isRow && strings.Contains(first, name) || what != "" && strings.HasPrefix(first, who) && strings.Contains(first, what) {
				cells = strings.Split(strings.TrimSuffix(rest, " |"), " | ")
			}
		}
		if len(cells) != len(scenarios) {
			t.Errorf("%s has no row on the front page: run make survival", name)
			continue
		}
		for i, s := range scenarios {
			if s.name == "hole" || s.name == "unreadable" {
				continue
			}
			if cell := short(played(t, key, s)); cell != cells[i] {
				t.Errorf("%s, %s: %s; the front page has %s: run make survival", name, s.title, cell, cells[i])
			}
		}
	}
}

// unasked is a guarded slice whose user never asks for losses.
type unasked struct{ mapping }

func (unasked) asked() error { return nil }

func played(t *testing.T, who string, s scenario) string {
	t.Helper()
	path, cleanUp, err := s.prepare(t.TempDir())
	if err != nil {
		skip(t, fmt.Sprint("nothing can be mounted here: ", err))
	}
	defer cleanUp()
	return peer{command: []string{os.Args[0], who}}.cell(s.name, path)
}

// skip ends the test, and has `make test` count it.
func skip(t *testing.T, why string) {
	t.Helper()
	if name := os.Getenv("MEMMAP_SKIPPED"); name != "" {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		must(t, err)
		defer file.Close()
		fmt.Fprintf(file, "skipped: %s: %s\n", why, t.Name())
	}
	t.Skip("skipped: ", why)
}

// The program of others, as it is, goes on in eight goroutines while the file is cut and recovered: in a
// process of its own, so that a death is a failed test.
func TestOthersCodeGoesOnWhileTheFileIsCut(t *testing.T) {
	const child = "SURVIVAL_TEST_CHILD"
	if os.Getenv(child) == "" {
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), child+"=1")
		if output, err := again.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		return
	}
	t.Run("guide", func(t *testing.T) {
		path, _, err := ordinary(t.TempDir())
		must(t, err)
		data, err := guide.BasicMmap(path)
		must(t, err)
		goesOn(t, path, data)
		must(t, guide.UnmapMemory(data))
	})
	t.Run("mmap-go", func(t *testing.T) {
		path, _, err := ordinary(t.TempDir())
		must(t, err)
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		defer file.Close()
		data, err := mmap.Map(file, mmap.RDWR, 0)
		must(t, err)
		goesOn(t, path, data)
		must(t, errors.Join(data.Flush(), data.Unmap()))
	})
}

func goesOn(t *testing.T, path string, data []byte) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer file.Close()
	g, err := memmap.Guard(data, file)
	must(t, err)
	var done atomic.Bool
	var all sync.WaitGroup
	for user := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for !done.Load() {
				for at := user; at < len(data); at += 512 {
					data[at] = data[len(data)-1-at]
				}
				runtime.GC()
			}
		}()
	}
	for range 10 {
		must(t, os.Truncate(path, 0))
		for g.Fault() == nil {
			runtime.Gosched()
		}
		must(t, os.Truncate(path, int64(len(data))))
		must(t, g.Recover())
	}
	done.Store(true)
	all.Wait()
	if err := g.Fault(); err != nil {
		t.Error(err)
	}
	copy(data, "whole again")
	text, err := os.ReadFile(path)
	must(t, err)
	if !bytes.HasPrefix(text, []byte("whole again")) {
		t.Errorf("the file holds %q", text[:11])
	}
	must(t, g.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
