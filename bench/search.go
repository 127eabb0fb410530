package main

/*
#include <stdint.h>
#include <string.h>

static int64_t memmem_at(const uint8_t *hay, size_t hay_len, const uint8_t *needle, size_t needle_len)
{
	const uint8_t *found = memmem(hay, hay_len, needle, needle_len);
	return found == NULL ? -1 : found - hay;
}

static int64_t memchr_at(const uint8_t *hay, size_t hay_len, int byte)
{
	const uint8_t *found = memchr(hay, byte, hay_len);
	return found == NULL ? -1 : found - hay;
}
*/
import "C"

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"unsafe"

	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

// The text that is searched shares its beginning with the long needle, and letters with the short one, as
// texts do.
const (
	searched    = 256 * mib
	phrase      = "the quick brown fox jumps over the lazy dog, once, "
	shortNeedle = "lazy cat"
	longNeedle  = "the quick brown fox jumps over the lazy dog, twice" // 50 bytes.
)

// A haystack is a mapped text, and where the needle stands in it.
type haystack struct {
	m      *memmap.Map
	needle []byte
	at     int64
}

// newHaystack makes a file of text that is in memory, with the needle at an offset, or that far before the end.
func newHaystack(folder, name, needle string, at int64) (haystack, error) {
	text := bytes.Repeat([]byte(phrase), searched/len(phrase)+1)[:searched]
	if at < 0 {
		at += searched
	}
	copy(text[at:], needle)
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return haystack{}, err
	}
	m, err := memmap.Open(path, &memmap.Options{Flags: memmap.Prefault})
	return haystack{m, []byte(needle), at}, errors.Join(err, os.Remove(path))
}

func (h haystack) done() { h.m.Close() }

// search benchmarks a search, and fails where it does not find the needle.
func (h haystack) search(find func() int64) func(*measure.B) {
	return func(b *measure.B) {
		for range b.N {
			if at := find(); at != h.at {
				b.Fatalf("found at %d, not at %d", at, h.at)
			}
		}
	}
}

func (h haystack) find() int64 {
	at, err := h.m.Find(h.needle, 0, memmap.ToEnd)
	if err != nil {
		panic(err)
	}
	return at
}

func (h haystack) findLast() int64 {
	at, err := h.m.FindLast(h.needle, 0, memmap.ToEnd)
	if err != nil {
		panic(err)
	}
	return at
}

func first(p []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(p))) }

func (h haystack) memmem() int64 {
	data := h.m.Bytes()
	return int64(C.memmem_at(first(data), C.size_t(len(data)), first(h.needle), C.size_t(len(h.needle))))
}

func (h haystack) memchr(byte byte) int64 {
	data := h.m.Bytes()
	return int64(C.memchr_at(first(data), C.size_t(len(data)), C.int(byte)))
}

func findAgainstGo(folder string) (pair, error) {
	h, err := newHaystack(folder, "find-go", shortNeedle, int64(-len(shortNeedle)))
	return pair{
		ours: h.search(h.find), theirs: h.search(func() int64 { return int64(bytes.Index(h.m.Bytes(), h.needle)) }),
		times: 2, rounds: 15, done: h.done,
	}, err
}

func findAgainstGlibc(folder string) (pair, error) {
	h, err := newHaystack(folder, "find-glibc", shortNeedle, int64(-len(shortNeedle)))
	return pair{
		ours: h.search(h.find), theirs: h.search(h.memmem), times: 2, rounds: 15, done: h.done,
	}, err
}

// findAgainstReading is what memory allows: who looks for a byte that is only behind the needle has just to read.
func findAgainstReading(folder string) (pair, error) {
	const marked = shortNeedle + "!"
	h, err := newHaystack(folder, "find-reading", marked, int64(-len(marked)))
	h.needle = []byte(shortNeedle)
	return pair{
		ours: h.search(h.find), theirs: h.search(func() int64 { return h.memchr('!') - int64(len(shortNeedle)) }),
		times: 2, rounds: 15, done: h.done,
	}, err
}

func findLastAgainstGo(folder string) (pair, error) {
	h, err := newHaystack(folder, "find-last", shortNeedle, 0)
	return pair{
		ours: h.search(h.findLast), theirs: h.search(func() int64 { return int64(bytes.LastIndex(h.m.Bytes(), h.needle)) }),
		times: 1, rounds: 11, done: h.done,
	}, err
}

// backwards compares the two directions, each with all of the text to look at.
func backwards(needle string) func(string) (pair, error) {
	return func(folder string) (pair, error) {
		atStart, err := newHaystack(folder, "backwards", needle, 0)
		if err != nil {
			return pair{}, err
		}
		atEnd, err := newHaystack(folder, "forwards", needle, int64(-len(needle)))
		return pair{
			ours: atStart.search(atStart.findLast), theirs: atEnd.search(atEnd.find), times: 2, rounds: 15,
			done: func() { atStart.done(); atEnd.done() },
		}, err
	}
}
