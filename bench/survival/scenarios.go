package main

import (
	"bytes"
	"os"
	"path/filepath"

	"libmemmap/bench/broken"
)

// A scenario is what happens to a mapped file of broken.Size bytes.
type scenario struct {
	name    string // What the peers know it by.
	title   string
	prepare func(folder string) (path string, cleanUp func() error, err error)
}

var scenarios = []scenario{
	{"nothing", "truncated to 0 while it is read", ordinary},
	{"middle", "truncated to the middle of a page", ordinary},
	{"hole", "a store into a hole, and the disk is full", broken.Full},
	{"unreadable", "a read error of the device", broken.Unreadable},
	{"closed", "used after it was closed", ordinary},
}

// ordinary is a file that has all its bytes.
func ordinary(folder string) (path string, cleanUp func() error, err error) {
	path = filepath.Join(folder, "file")
	return path, func() error { return nil }, os.WriteFile(path, bytes.Repeat([]byte("x"), broken.Size), 0o600)
}

// Where the peers touch the file, in bytes: first where it stays, or was, whole, and then where it is lost.
const (
	whole  = 0
	lost   = broken.Size * 3 / 4
	middle = broken.Size/2 + 100
)
