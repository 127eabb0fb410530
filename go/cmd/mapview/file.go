package main

import (
	"fmt"
	"os"
	"syscall"

	"libmemmap/memmap"
	"libmemmap/memmap/internal/plain"
)

var pageSize = int64(os.Getpagesize())

// A file is a mapped file, all of it and read-only.
type file struct {
	path string
	m    *memmap.Map
}

func (f file) pages() int64 { return (f.m.Len() + pageSize - 1) / pageSize }

func (f file) title() string {
	return fmt.Sprintf("%s: %s, %d pages of %s", plain.Name(f.path), size(f.m.Len()), f.pages(), size(pageSize))
}

// caveat returns a note if the kernel reports all pages as resident whatever is in memory: mincore(2) does so for the files of
// other users.
func (f file) caveat() string {
	status, err := os.Stat(f.path)
	if err != nil {
		return ""
	}
	const toWrite = 2
	owner := status.Sys().(*syscall.Stat_t).Uid
	if int(owner) == os.Geteuid() || syscall.Access(f.path, toWrite) == nil {
		return ""
	}
	return "note: you may not write this file and do not own it, so the kernel says that all of it is in memory"
}

// A part is a range of pages of the file. resident is the number of those in memory.
type part struct{ pages, resident int64 }

// parts returns the file as at most so many parts of about the same size.
func (f file) parts(most int64) ([]part, error) {
	pages := f.pages()
	parts := make([]part, min(most, pages))
	count := int64(len(parts))
	for i := range count {
		// Quotient and remainder separately, since pages * i may overflow.
		first := pages/count*i + pages%count*i/count
		end := pages/count*(i+1) + pages%count*(i+1)/count
		from, to := first*pageSize, min(end*pageSize, f.m.Len())
		resident, err := f.m.Resident(from, to-from)
		if err != nil {
			return nil, err
		}
		parts[i] = part{end - first, resident}
	}
	return parts, nil
}

func sum(parts []part) (all part) {
	for _, p := range parts {
		all.pages += p.pages
		all.resident += p.resident
	}
	return all
}

// size formats a number of bytes with a unit.
func size(bytes int64) string {
	if bytes < 1024 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	value, units := float64(bytes)/1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for ; value >= 1024 && len(units) > 1; units = units[1:] {
		value /= 1024
	}
	return fmt.Sprintf("%.4g %s", value, units[0])
}
