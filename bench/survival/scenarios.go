package main

import (
	"bytes"
	"os"
	"path/filepath"

	"libmemmap/bench/broken"
)

// A scenario is what happens to a mapped file of broken.Size bytes.
type scenario struct {
	name    string // The peers know it by this name.
	title   string
	prepare func(folder string) (path string, cleanUp func() error, err error)
}

var scenarios = []scenario{
	{"nothing", "truncated to 0", ordinary},
	{"middle", "truncated inside a page", ordinary},
	{"hole", "store into a hole, disk full", broken.Full},
	{"unreadable", "read error of the device", broken.Unreadable},
	{"closed", "used after close", ordinary},
	{"sum", "what it computed from lost bytes", ordinary},
}

// ordinary is a file that has all its bytes.
func ordinary(folder string) (path string, cleanUp func() error, err error) {
	path = filepath.Join(folder, "file")
	return path, func() error { return nil }, os.WriteFile(path, bytes.Repeat([]byte("x"), broken.Size), 0o600)
}

// Where the peers touch the file, in bytes: first where it stays, or was, whole, and then where it is lost. In the
// scenario "sum" they add up all bytes, and the file is truncated to 0 when they have added up the first half.
const (
	whole  = 0
	lost   = broken.Size * 3 / 4
	middle = broken.Size/2 + 100
	half   = broken.Size / 2
)
