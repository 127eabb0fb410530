// Mapview shows which parts of files are in memory, as a picture, and brings files in or out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"libmemmap/memmap"
	"libmemmap/memmap/internal/plain"
)

const usage = `Usage: mapview [-prefault | -evict] FILE...

Shows which parts of each FILE are in memory (in the page cache), as a bar from its beginning to its end:

  █ all of this part   ▓ ▒ ░ more or less of it   · none        (without UTF-8: # + .)

  -prefault   bring all of it in, and show it before and after; Ctrl-C stops
  -evict      write back what was changed and let all of it go, and show it before and after; pages
              that somebody else has mapped or locked stay, and so does a file system in memory
  -h          show this

On a terminal the bar has its width, else 80 columns or $COLUMNS. Of a file that you may not write and
do not own, the kernel says that all of it is in memory; a note tells.

Exit status: 0 done, 1 something failed or was interrupted, 2 used wrongly.
`

// A wrongUse is a command line that means nothing.
type wrongUse struct{ error }

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "mapview:", plain.Error(err))
	if errors.As(err, &wrongUse{}) {
		fmt.Fprintln(os.Stderr, "mapview -h shows how to use it")
		os.Exit(2)
	}
	os.Exit(1)
}

// An action is what is done to a file between two looks at it.
type action func(s screen, f file) error

func run(args []string, out, errs *os.File) error {
	act, paths, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprint(out, usage)
		return err
	}
	if err != nil {
		return wrongUse{err}
	}
	return each(paths, errs, func(path string) error { return view(screen{out}, path, act) })
}

func parse(args []string) (action, []string, error) {
	flags := flag.NewFlagSet("mapview", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
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

// each does all of the files, whatever becomes of the ones before, unless one was interrupted. It tells all
// failures but the last, which it answers.
func each(paths []string, errs io.Writer, do func(path string) error) (last error) {
	for _, path := range paths {
		err := do(path)
		if err == nil {
			continue
		}
		if last != nil {
			fmt.Fprintln(errs, "mapview:", plain.Error(last))
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
