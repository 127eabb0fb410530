package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"libmemmap/memmap"
	"libmemmap/memmap/internal/plain"
)

// do runs the steps of the guide. Each prints what it did and what a read of the file without mmap found.
func (j job) do(out io.Writer) (err error) {
	data, err := j.open(out)
	if err != nil {
		return err
	}
	mapped := true
	defer func() {
		if mapped {
			err = errors.Join(err, unmapMemory(data))
		}
	}()
	if err := j.compare(out, data); err != nil {
		return err
	}
	if j.text != "" {
		if err := j.write(out, data); err != nil {
			return err
		}
	}
	j.show(out, data)
	before := bytes.Clone(data[:min(len(data), compared)])
	mapped = false
	if err := unmapMemory(data); err != nil {
		return err
	}
	if err := j.same(before, 0); err != nil {
		return err
	}
	step(out, "unmapMemory", "done")
	check(out, "the file still holds these bytes")
	return nil
}

func (j job) open(out io.Writer) ([]byte, error) {
	if j.create < 0 {
		data, err := basicMmap(j.path)
		if err == nil {
			step(out, "basicMmap", "%s, %d bytes", plain.Name(j.path), len(data))
		}
		return data, err
	}
	data, err := createMmapFile(j.path, j.create)
	if err == nil {
		step(out, "createMmapFile", "%s, %d bytes", plain.Name(j.path), len(data))
	}
	return data, err
}

// compared limits how many bytes of the file are read again: a mapped file may be huge.
const compared = 64 << 20

func (j job) compare(out io.Writer, data []byte) error {
	status, err := os.Stat(j.path)
	if err != nil {
		return err
	}
	if status.Mode().IsRegular() && status.Size() != int64(len(data)) { // A block device has size 0.
		return fmt.Errorf("%s has %d bytes, but %d are mapped", plain.Name(j.path), status.Size(), len(data))
	}
	n := min(len(data), compared)
	if err := j.same(data[:n], 0); err != nil {
		return err
	}
	which := "all"
	if n < len(data) {
		which = fmt.Sprintf("the first %d", n)
	}
	kind := "the same"
	if j.create >= 0 {
		if len(bytes.TrimLeft(data[:n], "\x00")) != 0 {
			return fmt.Errorf("%s is new but not all zero", plain.Name(j.path))
		}
		kind = "zero"
	}
	check(out, "read without mmap, the file has %d bytes, %s of them %s", status.Size(), which, kind)
	return nil
}

func (j job) write(out io.Writer, data []byte) error {
	if j.at > int64(len(data)) {
		return fmt.Errorf("offset %d is past the end: %s has %d bytes", j.at, plain.Name(j.path), len(data))
	}
	err := writeToMmap(data[j.at:], []byte(j.text))
	if errors.Is(err, memmap.ErrRange) {
		return fmt.Errorf("%d bytes at offset %d don't fit: %s has %d bytes; nothing was written",
			len(j.text), j.at, plain.Name(j.path), len(data))
	}
	if err != nil {
		return err
	}
	if err := j.same([]byte(j.text), j.at); err != nil {
		return err
	}
	step(out, "writeToMmap", "%d bytes at offset %d, on the device", len(j.text), j.at)
	check(out, "read without mmap, the file has %q at offset %d", j.text, j.at)
	return nil
}

// same returns an error unless the file, read without mmap, holds want at offset at.
func (j job) same(want []byte, at int64) error {
	file, err := os.Open(j.path)
	if err != nil {
		return err
	}
	defer file.Close()
	got := make([]byte, len(want))
	if _, err := file.ReadAt(got, at); err != nil {
		return fmt.Errorf("reading %s again: %w", plain.Name(j.path), err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s holds other bytes than its mapping (another process may be writing to it)", plain.Name(j.path))
	}
	return nil
}

func step(out io.Writer, function, format string, args ...any) {
	fmt.Fprintf(out, "%-15s %s\n", function, fmt.Sprintf(format, args...))
}

func check(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "%-15s %s\n", "      checked:", fmt.Sprintf(format, args...))
}
