// Package programtest helps to test programs: it builds the program in the folder of the test, and runs it.
// Tests use it also to report what cannot be tested on a machine.
package programtest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Main builds the program, stores its path in program, runs the tests and ends the process.
func Main(m *testing.M, name string, program *string) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", name+"-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		*program = filepath.Join(folder, name)
		library, err := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("MEMMAP_RELEASE"), "../../../target/release"), "libmemmap.a"))
		if err != nil {
			panic(err)
		}
		// As in the Makefile: a changed library has to be a changed program for Go's cache.
		link := fmt.Sprintf("-X main.library=%x", crc32.ChecksumIEEE(library))
		build := exec.Command("go", "build", "-ldflags", link, "-o", *program, ".")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// Skipped is the environment variable that names a file for the skipped tests, which `make test` reports at its
// end.
const Skipped = "MEMMAP_SKIPPED"

// Skip skips the test and says why it cannot be run on this machine.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	why := "skipped: " + fmt.Sprintf(format, args...)
	if name := os.Getenv(Skipped); name != "" {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		fmt.Fprintf(file, "%s: %s\n", why, t.Name())
	}
	t.Skip(why)
}

// Command returns a command that runs the program, by MEMMAP_RUN if it is a program for another processor.
func Command(program string, args ...string) *exec.Cmd {
	command := append(strings.Fields(os.Getenv("MEMMAP_RUN")), program)
	command = append(command, args...)
	return exec.Command(command[0], command[1:]...)
}

// Run runs the command and checks its exit status.
func Run(t *testing.T, status int, command *exec.Cmd) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := command.ProcessState.ExitCode(); got != status {
		t.Fatalf("%q: exit status %d, wanted %d\n%s%s", command.Args, got, status, &out, &errs)
	}
	return out.String(), errs.String()
}

// Shows checks that output contains each of wanted.
func Shows(t *testing.T, output string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(output, want) {
			t.Errorf("%q is missing in\n%s", want, output)
		}
	}
}

// HelpAndVersion checks what a program prints for --help and --version: the help has each of wanted and the exit statuses,
// the version is that of the header.
func HelpAndVersion(t *testing.T, program string, wanted ...string) {
	t.Helper()
	name := filepath.Base(program)
	wanted = append(wanted, name+" - ", "\nExit status:\n  0 ", "\n  1 ", "\n  2 ", "--version")
	for _, flag := range []string{"-h", "-help", "--help"} {
		out, errs := Run(t, 0, Command(program, flag))
		Shows(t, out, wanted...)
		if errs != "" || strings.Contains(out, "PROGRAM") {
			t.Errorf("%s\n%s", out, errs)
		}
		for _, line := range strings.Split(out, "\n") {
			if len([]rune(line)) > 80 {
				t.Errorf("longer than 80 columns: %s", line)
			}
		}
	}
	header, err := os.ReadFile("../../../include/memmap.h")
	if err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(string(header), "#define MEMMAP_VERSION \"")
	version, _, _ = strings.Cut(version, "\"")
	want := name + " (libmemmap) " + version + "\n"
	if out, errs := Run(t, 0, Command(program, "--version")); out != want || errs != "" {
		t.Errorf("%q, %q, wanted %q", out, errs, want)
	}
}
