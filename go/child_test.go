package memmap

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

// A test that may die by a signal runs in a child process, which is this test program again, so that a
// death is a failed test and not a dead runner.

const childOf = "MEMMAP_TEST_CHILD_OF"

// An ending is how a child process ended.
type ending struct {
	output string
	signal syscall.Signal // 0 when none ended it.
	status int
}

// isChild says whether this process was started by the test itself.
func isChild(t *testing.T) bool { return os.Getenv(childOf) == t.Name() }

// itself is a command that runs this program: by MEMMAP_RUN where it is one of another processor.
func itself(arguments ...string) *exec.Cmd {
	command := append(strings.Fields(os.Getenv("MEMMAP_RUN")), os.Args[0])
	command = append(command, arguments...)
	return exec.Command(command[0], command[1:]...)
}

// child runs the test that calls it in a process of its own, with more variables in its environment.
func child(t *testing.T, environment ...string) ending {
	t.Helper()
	names := strings.Split(t.Name(), "/")
	for i, name := range names {
		names[i] = "^" + regexp.QuoteMeta(name) + "$"
	}
	program := itself("-test.v", "-test.count=1", "-test.run="+strings.Join(names, "/"))
	program.Env = append(os.Environ(), childOf+"="+t.Name(), programtest.Skipped+"=")
	program.Env = append(program.Env, "TMPDIR="+t.TempDir()) // What a child that dies leaves behind goes with the test.
	program.Env = append(program.Env, environment...)
	output, err := program.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	ended := ending{output: string(output), status: program.ProcessState.ExitCode()}
	if status := program.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		ended.signal = status.Signal()
	}
	return ended
}

// survives runs scenario in a child process. What it skips, the test skips.
func survives(t *testing.T, scenario func(t *testing.T)) {
	t.Helper()
	if isChild(t) {
		scenario(t)
		return
	}
	ended := child(t)
	if ended.signal != 0 || ended.status != 0 {
		t.Fatalf("signal %d, exit status %d\n%s", ended.signal, ended.status, ended.output)
	}
	if reason := regexp.MustCompile(`skipped: .*`).FindString(ended.output); reason != "" {
		programtest.Skip(t, "%s", strings.TrimPrefix(reason, "skipped: "))
	}
	if !strings.Contains(ended.output, "--- PASS: "+t.Name()) {
		t.Fatalf("it did not run:\n%s", ended.output)
	}
}
