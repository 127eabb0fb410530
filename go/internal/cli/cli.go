// Package cli is what the command-line programs of this module have in common: the help text, the version and the exit
// status.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"libmemmap/memmap/internal/plain"
)

// Version is the version of the library that the programs are released with.
const Version = "0.1.0"

// The exit statuses. They are listed in the help text of each program.
const (
	failed     = 1
	wrongUsage = 2
)

// ErrVersion is returned by [Flags.Parse] if the version is asked for.
var ErrVersion = errors.New("the version is asked for")

// A WrongUsage is an error in the command line.
type WrongUsage struct{ error }

// Flags is a set of flags that prints nothing itself. It has -version, and [flag.ErrHelp] is returned for -help and -h.
type Flags struct {
	*flag.FlagSet
	version *bool
}

// NewFlags returns a set without other flags.
func NewFlags() Flags {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return Flags{flags, flags.Bool("version", false, "")}
}

// Parse parses the flags in args. It returns [ErrVersion] if -version is one of them.
func (f Flags) Parse(args []string) error {
	if err := f.FlagSet.Parse(args); err != nil {
		return err
	}
	if *f.version {
		return ErrVersion
	}
	return nil
}

// Name returns the name that the program is called by.
func Name() string { return plain.Name(filepath.Base(os.Args[0])) }

// Exit ends the process. After nil, [flag.ErrHelp] and [ErrVersion] the status is 0, after a [WrongUsage] 2 and after other
// errors 1. In usage, PROGRAM stands for the name of the program.
func Exit(usage string, err error) {
	name := Name()
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Print(strings.ReplaceAll(usage, "PROGRAM", name))
	} else if errors.Is(err, ErrVersion) {
		_, err = fmt.Printf("%s (libmemmap) %s\n", name, Version)
	}
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", name, plain.Error(err))
	if errors.As(err, &WrongUsage{}) {
		fmt.Fprintf(os.Stderr, "%s --help shows the usage\n", name)
		os.Exit(wrongUsage)
	}
	os.Exit(failed)
}

// Wrong returns err as a [WrongUsage], but for nil, [flag.ErrHelp] and [ErrVersion], which it returns unchanged.
func Wrong(err error) error {
	if err == nil || errors.Is(err, flag.ErrHelp) || errors.Is(err, ErrVersion) {
		return err
	}
	return WrongUsage{err}
}
