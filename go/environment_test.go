package memmap

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

// privilegedCopy is this program with the rights of its owner, whichever user starts it.
func privilegedCopy(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	succeeds(t, "Chmod", os.Chmod(filepath.Dir(folder), 0o755)) // Others are to get in.
	path := filepath.Join(folder, "program")
	var system syscall.Statfs_t
	succeeds(t, "Statfs", syscall.Statfs(folder, &system))
	const nosuid, noexec = 2, 8
	switch {
	case os.Geteuid() != 0 || os.Getenv("MEMMAP_RUN") != "":
		programtest.Skip(t, "it takes root and no emulator")
	case system.Flags&(nosuid|noexec) != 0:
		programtest.Skip(t, "the temporary folder doesn't heed the set-user-ID bit")
	}
	program, err := os.ReadFile("/proc/self/exe")
	succeeds(t, "ReadFile", err)
	succeeds(t, "WriteFile", os.WriteFile(path, program, 0o700))
	succeeds(t, "Chmod", os.Chmod(path, 0o755|os.ModeSetuid))
	return path
}

func TestAPrivilegedProgramHeedsNoEnvironment(t *testing.T) {
	if isChild(t) {
		if os.Getuid() == os.Geteuid() {
			programtest.Skip(t, "no program gets more rights here")
		}
		if tracesLeaks || guarding.Load() == guardOff {
			t.Errorf("it traces leaks: %v; the guard: %v", tracesLeaks, guarding.Load())
		}
		return
	}
	program := itself("-test.v", "-test.run=^"+t.Name()+"$")
	program.Path, program.Dir = privilegedCopy(t), "/"
	program.Env = []string{childOf + "=" + t.Name(), "MEMMAP_LEAKS=1", "MEMMAP_GUARD=off"}
	const nobody = 65534
	program.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	output, err := program.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
