package main

import (
	"errors"
	"fmt"
	"os"

	mmap "github.com/edsrzf/mmap-go"
	"libmemmap/bench/guide"
)

// A mapping writes and makes durable what it writes.
type mapping interface {
	writeAt(offset int, content []byte) error
	close() error
}

// byGuide is a slice, and the guide's functions for it, whoever wrote them.
type byGuide struct {
	data  []byte
	write func(data, content []byte) error
	unmap func(data []byte) error
}

func (m byGuide) writeAt(offset int, content []byte) error { return m.write(m.data[offset:], content) }
func (m byGuide) close() error                             { return m.unmap(m.data) }

// aligned is the guide's writeToMmap for a place that isn't at the beginning of a page, which msync(2)
// takes no other: all that lies before is flushed too.
func aligned(data []byte) func(rest, content []byte) error {
	return func(rest, content []byte) error {
		copy(rest, content)
		return guide.WriteToMmap(data, nil)
	}
}

func openByGuide(path string) (mapping, error) {
	data, err := guide.BasicMmap(path)
	return byGuide{data, aligned(data), guide.UnmapMemory}, err
}

func createByGuide(path string, size int64) (mapping, error) {
	data, err := guide.CreateMmapFile(path, size)
	return byGuide{data, aligned(data), guide.UnmapMemory}, err
}

type byMmapGo struct{ data mmap.MMap }

func (m byMmapGo) writeAt(offset int, content []byte) error {
	copy(m.data[offset:], content)
	return m.data.Flush()
}

func (m byMmapGo) close() error { return m.data.Unmap() }

func openByMmapGo(path string) (mapping, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := mmap.Map(file, mmap.RDWR, 0)
	return byMmapGo{data}, err
}

func createByMmapGo(path string, size int64) (mapping, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		return nil, err
	}
	data, err := mmap.Map(file, mmap.RDWR, 0)
	return byMmapGo{data}, err
}

// create makes files, one after the other.
func create(s *stage, make func(path string, size int64) (mapping, error)) error {
	const size = 5000
	for round := range min(s.rounds, 100) {
		name := fmt.Sprintf("file-%d", round)
		if err := s.mark("create %s %d", name, size); err != nil {
			return err
		}
		m, err := make(s.path(name), size)
		if err != nil {
			return err
		}
		if err := errors.Join(s.mark("exists %s %d 644", name, size), m.close()); err != nil {
			return err
		}
	}
	return nil
}

// write writes records over each other at places of no alignment.
func write(s *stage, open func(path string) (mapping, error)) error {
	const size, length = 64 << 10, 1000
	if err := s.made("data", size); err != nil {
		return err
	}
	m, err := open(s.path("data"))
	if err != nil {
		return err
	}
	for round := range s.rounds {
		if err := writeOne(s, m, round, round*37%64*1007, length); err != nil {
			return err
		}
	}
	return m.close()
}

// grow gives a file room for one more record, and writes it.
func grow(s *stage, open func(path string) (mapping, error)) error {
	const length = 1500
	if err := s.made("data", 10); err != nil {
		return err
	}
	for round := range s.rounds {
		end := 10 + round*length
		if err := s.mark("size data %d", end+length); err != nil {
			return err
		}
		if err := os.Truncate(s.path("data"), int64(end+length)); err != nil {
			return err
		}
		m, err := open(s.path("data"))
		if err != nil {
			return err
		}
		if err := writeOne(s, m, round, end, length); err != nil {
			return err
		}
		if err := errors.Join(s.mark("sized data %d", end+length), m.close()); err != nil {
			return err
		}
	}
	return nil
}

func writeOne(s *stage, m mapping, round, offset, length int) error {
	content := record(round, length)
	if err := s.mark("write data %d %d %d", offset, length, content[0]); err != nil {
		return err
	}
	if err := m.writeAt(offset, content); err != nil {
		return err
	}
	return s.mark("flushed data %d %d", offset, length)
}
