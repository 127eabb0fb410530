package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	mmap "github.com/edsrzf/mmap-go"
	"libmemmap/bench/guide"
	"libmemmap/memmap"
)

// A mapping is a file mapped by one of the peers that are written in Go. What a peer has no error for is
// nil; told is what it says when it is asked afterwards.
type mapping interface {
	read(offset int) error
	write(offset int) error
	told() error
	close() error
}

var openers = map[string]func(path string) (mapping, error){
	"guide": openGuide, "mmap-go": openMmapGo, "libmemmap": openMap, "guarded": openGuarded,
}

// play is one peer in one scenario.
func play(peer, scenario, path string) error {
	debug.SetTraceback("none")
	open, known := openers[peer]
	if !known {
		return fmt.Errorf("no peer is called %q", peer)
	}
	m, err := open(path)
	if err != nil {
		return err
	}
	met, err := meet(m, scenario, path)
	if err != nil {
		return err
	}
	if met == nil && scenario != "closed" {
		met = m.told()
	}
	if met == nil {
		fmt.Println("not told")
		return nil
	}
	fmt.Println("told:", reason(met))
	return nil
}

// meet has the mapping meet the loss; met is what it answered there.
func meet(m mapping, scenario, path string) (met, failed error) {
	switch scenario {
	case "nothing":
		return cut(m, path, 0)
	case "middle":
		return cut(m, path, middle)
	case "hole":
		return m.write(lost), nil
	case "unreadable":
		return m.read(lost), nil
	case "closed":
		if err := m.close(); err != nil {
			return nil, err
		}
		return m.read(whole), nil
	}
	return nil, fmt.Errorf("no scenario is called %q", scenario)
}

func cut(m mapping, path string, size int64) (met, failed error) {
	if err := errors.Join(m.read(whole), os.Truncate(path, size)); err != nil {
		return nil, err
	}
	return m.read(lost), nil
}

// reason is short enough for a table.
func reason(err error) string {
	var fault *memmap.FaultError
	switch {
	case errors.As(err, &fault):
		return fmt.Sprintf("ErrFault, %d bytes from %d on (%v)", fault.Length, fault.Offset, fault.Cause)
	case errors.Is(err, memmap.ErrClosed):
		return "ErrClosed"
	}
	return err.Error()
}

// plain is bytes that only a load or a store can reach.
type plain []byte

var loaded byte

func (p plain) read(offset int) error  { loaded = p[offset]; return nil }
func (p plain) write(offset int) error { p[offset] = 'y'; return nil }
func (p plain) told() error            { return nil }

type ofGuide struct{ plain }

func openGuide(path string) (mapping, error) {
	data, err := guide.BasicMmap(path)
	return ofGuide{data}, err
}

func (g ofGuide) close() error { return guide.UnmapMemory(g.plain) }

type ofMmapGo struct{ plain }

func openMmapGo(path string) (mapping, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := mmap.Map(file, mmap.RDWR, 0)
	return ofMmapGo{plain(data)}, err
}

// close leaves the slice that was taken before, as programs do that have handed parts of it on.
func (m ofMmapGo) close() error {
	data := mmap.MMap(m.plain)
	return data.Unmap()
}

type ofMap struct{ *memmap.Map }

func openMap(path string) (mapping, error) {
	m, err := memmap.Open(path, &memmap.Options{Access: memmap.ReadWrite})
	return ofMap{m}, err
}

func (m ofMap) read(offset int) error  { _, err := m.At(int64(offset)); return err }
func (m ofMap) write(offset int) error { _, err := m.WriteAt([]byte("y"), int64(offset)); return err }
func (m ofMap) told() error            { return m.Fault() }
func (m ofMap) close() error           { return m.Close() }

// ofGuarded is the guide's code, as it is, with one more line.
type ofGuarded struct {
	ofGuide
	guarded *memmap.Guarded
}

func openGuarded(path string) (mapping, error) {
	data, err := guide.BasicMmap(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	g, err := memmap.Guard(data, file)
	return ofGuarded{ofGuide{data}, g}, err
}

func (g ofGuarded) told() error  { return g.guarded.Fault() }
func (g ofGuarded) close() error { return errors.Join(g.guarded.Close(), g.ofGuide.close()) }
