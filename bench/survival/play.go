package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	mmap "github.com/edsrzf/mmap-go"
	expmmap "golang.org/x/exp/mmap"
	"libmemmap/bench/broken"
	"libmemmap/bench/guide"
	"libmemmap/memmap"
)

// A mapping is a file mapped by one of the peers that are written in Go. A method of a peer that reports no errors
// returns nil; asked returns what the peer reports when it is asked afterwards.
type mapping interface {
	read(offset int) error
	write(offset int) error
	// sum adds up all bytes and calls cut when it has added up half of them. done says that it came to the end.
	sum(cut func() error) (total uint64, done bool, err error)
	asked() error
	close() error
}

var openers = map[string]func(path string) (mapping, error){
	"guide": openGuide, "panic": openPanic, "mmap-go": openMmapGo, "expmmap": openExpMmap,
	"ReadAt": openMap, "View": openView, "guarded": openGuarded, "tried": openTried,
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
	if scenario == "sum" {
		outcome, err := compute(m, path)
		fmt.Println("computed:", outcome)
		return err
	}
	met, err := meet(m, scenario, path)
	if err != nil {
		return err
	}
	if errors.Is(met, errors.ErrUnsupported) {
		fmt.Println("can't happen: it can't write")
		return nil
	}
	if met != nil {
		fmt.Println("told:", reason(met))
		return nil
	}
	if scenario != "closed" {
		met = m.asked()
	}
	if met != nil {
		fmt.Println("told when asked:", reason(met))
		return nil
	}
	fmt.Println("not told")
	return nil
}

// meet has the mapping meet the loss; met is the error of the access.
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

// compute says from what a sum was computed whose file was truncated meanwhile.
func compute(m mapping, path string) (string, error) {
	total, done, err := m.sum(func() error { return os.Truncate(path, 0) })
	if !done {
		name, _, _ := strings.Cut(reason(err), ",")
		return "nothing: `" + name + "`", nil
	}
	if total == broken.Size*'x' {
		return "", errors.New("the sum is right although half of the bytes are gone")
	}
	if err != nil {
		return "zeros, told afterwards", nil
	}
	if m.asked() != nil {
		return "zeros, told when asked", nil
	}
	return "**zeros, not told**", nil
}

// reason is an error, short enough for a table.
func reason(err error) string {
	var fault *memmap.FaultError
	var caught interface{ Addr() uintptr } // What SetPanicOnFault makes of a fault.
	switch {
	case errors.As(err, &fault):
		return fmt.Sprintf("ErrFault, %d bytes from %d on (%v)", fault.Length, fault.Offset, fault.Cause)
	case errors.Is(err, memmap.ErrClosed):
		return "ErrClosed"
	case errors.As(err, &caught):
		return "runtime.Error"
	}
	return err.Error()
}

// plain is bytes that only a load or a store can reach.
type plain []byte

var loaded byte

func (p plain) read(offset int) error  { loaded = p[offset]; return nil }
func (p plain) write(offset int) error { p[offset] = 'y'; return nil }
func (p plain) asked() error           { return nil }

func (p plain) sum(cut func() error) (total uint64, done bool, err error) {
	for i, b := range p {
		if i == half {
			err = cut()
		}
		total += uint64(b)
	}
	return total, true, err
}

type ofGuide struct{ plain }

func openGuide(path string) (mapping, error) {
	data, err := guide.BasicMmap(path)
	return ofGuide{data}, err
}

func (g ofGuide) close() error { return guide.UnmapMemory(g.plain) }

// ofPanic is the guide's code in functions that recover from a fault's panic.
type ofPanic struct{ ofGuide }

func openPanic(path string) (mapping, error) {
	data, err := guide.BasicMmap(path)
	debug.SetPanicOnFault(true)
	return ofPanic{ofGuide{data}}, err
}

func caught(f func()) (err error) {
	defer func() {
		if fault, ok := recover().(error); ok {
			err = fault
		}
	}()
	f()
	return nil
}

func (p ofPanic) read(offset int) error  { return caught(func() { loaded = p.plain[offset] }) }
func (p ofPanic) write(offset int) error { return caught(func() { p.plain[offset] = 'y' }) }

func (p ofPanic) sum(cut func() error) (total uint64, done bool, err error) {
	met := caught(func() { total, done, err = p.plain.sum(cut) })
	return total, done, errors.Join(err, met)
}

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

// readerAt is what copies bytes out, and so returns an error before they are looked at.
type readerAt interface {
	ReadAt(p []byte, offset int64) (int, error)
}

func sumOf(r readerAt, cut func() error) (total uint64, done bool, err error) {
	buffer := make([]byte, half)
	for _, offset := range []int64{0, half} {
		if _, err := r.ReadAt(buffer, offset); err != nil {
			return 0, false, err
		}
		for _, b := range buffer {
			total += uint64(b)
		}
		if offset == 0 {
			err = cut()
		}
	}
	return total, true, err
}

type ofExpMmap struct{ *expmmap.ReaderAt }

func openExpMmap(path string) (mapping, error) {
	r, err := expmmap.Open(path)
	return ofExpMmap{r}, err
}

func (r ofExpMmap) read(offset int) error {
	_, err := r.ReadAt(make([]byte, 1), int64(offset))
	return err
}

func (r ofExpMmap) write(int) error { return errors.ErrUnsupported }
func (r ofExpMmap) asked() error    { return nil }
func (r ofExpMmap) close() error    { return r.Close() }

func (r ofExpMmap) sum(cut func() error) (total uint64, done bool, err error) { return sumOf(r, cut) }

type ofMap struct{ *memmap.Map }

func openMap(path string) (mapping, error) {
	m, err := memmap.Open(path, &memmap.Options{Access: memmap.ReadWrite})
	return ofMap{m}, err
}

func (m ofMap) read(offset int) error  { _, err := m.At(int64(offset)); return err }
func (m ofMap) write(offset int) error { _, err := m.WriteAt([]byte("y"), int64(offset)); return err }
func (m ofMap) asked() error           { return m.Fault() }
func (m ofMap) close() error           { return m.Close() }

func (m ofMap) sum(cut func() error) (total uint64, done bool, err error) { return sumOf(m, cut) }

// ofView reaches the same Map by plain loads and stores, in functions that View calls.
type ofView struct{ ofMap }

func openView(path string) (mapping, error) {
	m, err := openMap(path)
	return ofView{m.(ofMap)}, err
}

func (v ofView) read(offset int) error {
	return v.View(func(data []byte) error { return plain(data).read(offset) })
}

func (v ofView) write(offset int) error {
	return v.View(func(data []byte) error { return plain(data).write(offset) })
}

func (v ofView) sum(cut func() error) (total uint64, done bool, err error) {
	met := v.View(func(data []byte) error {
		total, done, err = plain(data).sum(cut)
		return err
	})
	return total, done, met
}

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

func (g ofGuarded) asked() error { return g.guarded.Fault() }
func (g ofGuarded) close() error { return errors.Join(g.guarded.Close(), g.ofGuide.close()) }

// ofTried is the same in functions that memmap.Try calls.
type ofTried struct{ ofGuarded }

func openTried(path string) (mapping, error) {
	m, err := openGuarded(path)
	if err != nil {
		return nil, err
	}
	return ofTried{m.(ofGuarded)}, nil
}

func (t ofTried) read(offset int) error {
	return memmap.Try(func() error { return t.plain.read(offset) })
}

func (t ofTried) write(offset int) error {
	return memmap.Try(func() error { return t.plain.write(offset) })
}

func (t ofTried) sum(cut func() error) (total uint64, done bool, err error) {
	met := memmap.Try(func() error {
		total, done, err = t.plain.sum(cut)
		return err
	})
	return total, done, met
}
