// Mapview draws which parts of files are in memory. It also reads files into memory and releases them.
package main

import (
	_ "embed" // For usage.txt.
	"errors"
	"fmt"
	"io"
	"os"

	"libmemmap/memmap"
	"libmemmap/memmap/internal/cli"
	"libmemmap/memmap/internal/plain"
)

//go:embed usage.txt
var usage string

func main() { cli.Exit(usage, run(os.Args[1:], os.Stdout, os.Stderr)) }

// An action is done to a file between two drawings of it.
type action func(s screen, f file) error

func run(args []string, out, errs *os.File) error {
	act, paths, err := parse(args)
	if err != nil {
		return cli.Wrong(err)
	}
	return each(paths, errs, func(path string) error { return view(screen{out}, path, act) })
}

func parse(args []string) (action, []string, error) {
	flags := cli.NewFlags()
	in := flags.Bool("prefault", false, "")
	out := flags.Bool("evict", false, "")
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	switch {
	case flags.NArg() == 0:
		return nil, nil, errors.New("which file?")
	case *in && *out:
		return nil, nil, errors.New("-prefault and -evict undo each other: one of them")
	case *in:
		return prefault, flags.Args(), nil
	case *out:
		return evict, flags.Args(), nil
	}
	return nil, flags.Args(), nil
}

// each calls do for each path, also after failures, but not after an interruption. It prints all failures but the last,
// which it returns.
func each(paths []string, errs io.Writer, do func(path string) error) (last error) {
	for _, path := range paths {
		err := do(path)
		if err == nil {
			continue
		}
		if last != nil {
			fmt.Fprintf(errs, "%s: %s\n", cli.Name(), plain.Error(last))
		}
		last = err
		if errors.Is(err, errInterrupted) {
			break
		}
	}
	return last
}

func view(s screen, path string, act action) error {
	m, err := memmap.Open(path, nil)
	if err != nil {
		return err
	}
	defer m.Close()
	f := file{path, m}
	fmt.Fprintln(s.out, f.title())
	if note := f.caveat(); note != "" {
		fmt.Fprintln(s.out, note)
	}
	if act == nil {
		return s.show(f, "")
	}
	if err := s.show(f, "before"); err != nil {
		return err
	}
	return errors.Join(act(s, f), s.show(f, "after"))
}
