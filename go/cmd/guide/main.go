// Guide does what the mmap guide shows, on a real file: it maps, writes, flushes and unmaps it, and
// proves each step by reading the file again without mmap.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"libmemmap/memmap"
	"libmemmap/memmap/internal/plain"
)

// The guide's functions, under the guide's names.
var (
	basicMmap      = memmap.BasicMmap
	createMmapFile = memmap.CreateMmapFile
	writeToMmap    = memmap.WriteToMmap
	unmapMemory    = memmap.UnmapMemory
)

const usage = `Usage: guide [-create SIZE] [-write TEXT [-at OFFSET]] [FILE]

Maps FILE, shows its size and its first bytes, and unmaps it; each step is checked by reading the
file again without mmap. Without FILE it uses one that it makes for this run in a temporary folder.

  -create SIZE   make FILE with SIZE zero bytes first; a file that exists is emptied
  -write TEXT    write TEXT into the mapping and make it durable
  -at OFFSET     where to write, in bytes from the start (default 0)
  -h             show this

Exit status: 0 done, 1 failed, 2 used wrongly.
`

// A wrongUse is a command line that means nothing.
type wrongUse struct{ error }

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "guide:", plain.Error(err))
	if errors.As(err, &wrongUse{}) {
		fmt.Fprintln(os.Stderr, "guide -h shows how to use it")
		os.Exit(2)
	}
	os.Exit(1)
}

func run(args []string, out io.Writer) error {
	j, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprint(out, usage)
		return err
	}
	if err != nil {
		return wrongUse{err}
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

// A job is what the command line asks for.
type job struct {
	path   string
	create int64 // The size, or -1 for a file that exists.
	text   string
	at     int64
}

func parse(args []string) (job, error) {
	j := job{create: -1}
	flags := flag.NewFlagSet("guide", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
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
