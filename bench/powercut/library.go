package main

import (
	"errors"

	"libmemmap/memmap"
)

// appendRecords appends records, each made durable, and cuts at the end.
func appendRecords(s *stage) error {
	const length = 700
	if err := s.mark("create log 0"); err != nil {
		return err
	}
	m, err := memmap.Create(s.path("log"), 0, &memmap.Options{Flags: memmap.Durable, Mode: 0o640})
	if err != nil {
		return err
	}
	defer m.Close()
	// It grows ahead of what is appended, so how long the file is at least is all that can be said.
	if err := s.mark("exists log 0 640\ngrows log"); err != nil {
		return err
	}
	a := m.Appender()
	for round := range s.rounds {
		end := a.Len()
		if err := s.mark("write log %d %d %d", end, length, record(round, 1)[0]); err != nil {
			return err
		}
		if _, err := a.Write(record(round, length)); err != nil {
			return err
		}
		if err := m.FlushRange(end, length); err != nil {
			return err
		}
		if err := s.mark("flushed log %d %d\nsized log %d", end, length, a.Len()); err != nil {
			return err
		}
	}
	return errors.Join(a.Close(), m.Flush())
}

// writeToMmap is the guide's, as this library has it.
func writeToMmap(s *stage) error {
	return write(s, func(path string) (mapping, error) {
		data, err := memmap.BasicMmap(path)
		return byGuide{data, memmap.WriteToMmap, memmap.UnmapMemory}, err
	})
}
