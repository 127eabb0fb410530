// Guide maps, writes, flushes and unmaps a file by the functions of the mmap guide, and checks each step by reading the
// file without mmap.
package main

import (
	_ "embed" // For usage.txt.
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"libmemmap/memmap"
	"libmemmap/memmap/internal/cli"
	"libmemmap/memmap/internal/plain"
)

// The guide's functions, under the guide's names.
var (
	basicMmap      = memmap.BasicMmap
	createMmapFile = memmap.CreateMmapFile
	writeToMmap    = memmap.WriteToMmap
	unmapMemory    = memmap.UnmapMemory
)

//go:embed usage.txt
var usage string

func main() { cli.Exit(usage, run(os.Args[1:], os.Stdout)) }

func run(args []string, out io.Writer) error {
	j, err := parse(args)
	if err != nil {
		return cli.Wrong(err)
	}
	if j.path == "" {
		folder, err := os.MkdirTemp("", "guide-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		j.path = filepath.Join(folder, "sample.bin")
		fmt.Fprintf(out, "No file named: using %s, removed again at the end.\n\n", plain.Name(j.path))
		if j.create < 0 {
			if err := os.WriteFile(j.path, []byte(sample), 0o644); err != nil {
				return err
			}
		}
	}
	return j.do(out)
}

const sample = "A file that is mapped is read and written like memory, and the kernel moves the bytes.\n"

// A job is a parsed command line.
type job struct {
	path   string
	create int64 // The size, or -1 for a file that exists.
	text   string
	at     int64
}

func parse(args []string) (job, error) {
	j := job{create: -1}
	flags := cli.NewFlags()
	flags.Int64Var(&j.create, "create", -1, "")
	flags.StringVar(&j.text, "write", "", "")
	flags.Int64Var(&j.at, "at", 0, "")
	if err := flags.Parse(args); err != nil {
		return j, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case flags.NArg() > 1:
		return j, fmt.Errorf("one file at a time, not %d (flags go before the file)", flags.NArg())
	case flags.NArg() == 1 && flags.Arg(0) == "":
		return j, errors.New("the name of the file is empty")
	case given["create"] && j.create < 0:
		return j, errors.New("-create takes a size of 0 or more bytes")
	case given["write"] && j.text == "":
		return j, errors.New("-write takes a text that is not empty")
	case given["at"] && !given["write"]:
		return j, errors.New("-at says where to write: it needs -write")
	case j.at < 0:
		return j, errors.New("-at takes an offset of 0 or more bytes")
	}
	j.path = flags.Arg(0)
	return j, nil
}
