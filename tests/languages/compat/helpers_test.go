// Package compat holds the drop-ins against what they stand in for: the originals' own tests, the tests of a
// published module that depends on one, and programs that differ by the import alone. Everything of
// others is fetched through the Go module proxy into temporary folders. `make test-compat` runs it.
package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	mmapGo = "github.com/edsrzf/mmap-go"
	exp    = "golang.org/x/exp"
)

// root is the folder of the project.
func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// An ending is how a command ended. What it prints is kept apart from what it complains of: there go says what it
// downloads, which differs from one run to the next.
type ending struct {
	output     string
	complaints string
	status     int
}

// run runs a command in folder.
func run(t *testing.T, folder string, command ...string) ending {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Dir = folder
	c.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // Others' tests leave files there.
	var output, complaints strings.Builder
	c.Stdout, c.Stderr = &output, &complaints
	if err := c.Run(); c.ProcessState == nil {
		t.Fatal(err)
	}
	return ending{output.String(), complaints.String(), c.ProcessState.ExitCode()}
}

// succeeds runs a command in folder that has to succeed, and answers what it printed.
func succeeds(t *testing.T, folder string, command ...string) string {
	t.Helper()
	ended := run(t, folder, command...)
	if ended.status != 0 {
		t.Fatalf("%s\n%s%s", strings.Join(command, " "), ended.output, ended.complaints)
	}
	return ended.output
}

// version is the one of the module that bench measures, so that both speak of the same originals.
func version(t *testing.T, module string) string {
	t.Helper()
	return strings.TrimSpace(succeeds(t, root(t)+"/bench", "go", "list", "-m", "-f", "{{.Path}}@{{.Version}}", module))
}

// published is a copy of a module as it was published, to work in.
func published(t *testing.T, module string) string {
	t.Helper()
	where := succeeds(t, t.TempDir(), "go", "mod", "download", "-json", module)
	_, where, _ = strings.Cut(where, `"Dir": "`)
	where, _, _ = strings.Cut(where, `"`)
	folder := filepath.Join(t.TempDir(), "module")
	if err := os.CopyFS(folder, os.DirFS(where)); err != nil {
		t.Fatal(err)
	}
	succeeds(t, folder, "chmod", "-R", "u+w", ".")
	return folder
}

// dropIn is a folder with the module in which our package has taken the place of the original.
func dropIn(t *testing.T, module string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "drop-in")
	succeeds(t, root(t), "tools/drop-in", version(t, module), folder)
	return folder
}
