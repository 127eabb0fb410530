// Bench measures libmemmap beside what people would use instead, in one run, and prints one table.
//
// A ratio says how many times as fast ours is: theirs divided by ours, the median of 11 rounds in
// which the two take turns.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func main() {
	testing.Init()
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	// Below the working directory, since what is flushed has to reach a disk: /tmp may be memory.
	folder, err := os.MkdirTemp(".", "files-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	printMachine(folder)
	printHead()
	for _, prepare := range []func(string) (pair, error){
		guideMapUnmap, cOpenClose, cPinUnpin, goView, goReadAt, goWriteFlush,
	} {
		p, err := prepare(folder)
		if err != nil {
			return err
		}
		r, err := p.measure()
		if err != nil {
			return err
		}
		r.print()
	}
	return crowded(folder)
}

func printMachine(folder string) {
	var uname unix.Utsname
	unix.Uname(&uname)
	var fs unix.Statfs_t
	unix.Statfs(folder, &fs)
	fmt.Printf("Linux %s %s, %d CPUs, %s, file system type %#x\n\n", unix.ByteSliceToString(uname.Release[:]),
		runtime.GOARCH, runtime.NumCPU(), runtime.Version(), fs.Type)
}

// newFile makes a file of size bytes, none of them a hole.
func newFile(folder, name string, size int) (string, error) {
	path := filepath.Join(folder, name)
	return path, os.WriteFile(path, []byte(strings.Repeat("0123456789abcdef", size/16)), 0o600)
}
