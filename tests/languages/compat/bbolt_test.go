package compat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A database that maps its file, and panics over zeros that it reads there.
const bbolt = "go.etcd.io/bbolt@v1.4.3"

// The patch has the file mapped by MapFile, and what reads pages before a transaction is there to be rolled back, or after, in a
// Try.
func TestBboltSurvivesACutOfItsFileWhereTransactionsAreTried(t *testing.T) {
	if ended := run(t, t.TempDir(), "go", "mod", "download", bbolt); ended.status != 0 {
		t.Skipf("skipped: %s is not to be had: %s", bbolt, ended.complaints)
	}
	folder := published(t, bbolt)
	patch, err := filepath.Abs("testdata/bbolt/bbolt.patch")
	if err != nil {
		t.Fatal(err)
	}
	succeeds(t, folder, "git", "apply", patch)
	succeeds(t, folder, "go", "mod", "edit", "-require", "libmemmap/memmap@v0.0.0", "-replace", "libmemmap/memmap="+root(t)+"/go")
	program := filepath.Join(folder, "cut")
	if err := os.Mkdir(program, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(program, "main.go"), []byte(read(t, "testdata/bbolt", "cut.go")), 0o600); err != nil {
		t.Fatal(err)
	}
	said := succeeds(t, folder, "go", "run", "-mod=mod", "./cut")
	if !strings.HasSuffix(said, " 0 wrong\n") {
		t.Errorf("it said %q", said)
	}
	t.Log(said)
}
