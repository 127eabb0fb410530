package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
	"libmemmap/bench/measure"
	"libmemmap/bench/report"
)

// machine is where the run takes place, and with what.
func machine(folder string) report.Machine {
	var uname unix.Utsname
	unix.Uname(&uname)
	var fs unix.Statfs_t
	unix.Statfs(folder, &fs)
	return report.Machine{
		Processor: processor(), Processors: measure.Processors(),
		Kernel: unix.ByteSliceToString(uname.Release[:]) + " " + runtime.GOARCH,
		Files:  fileSystem(fs.Type), Tools: versions(), NoCounters: measure.NoCounters(),
	}
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, found := strings.Cut(string(text), "model name\t: ")
	name, _, _ := strings.Cut(rest, "\n")
	if !found {
		return runtime.GOARCH
	}
	return name
}

func fileSystem(magic int64) string {
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "XFS", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
	}
	if name, known := names[magic]; known {
		return name
	}
	return fmt.Sprintf("file system %#x", magic)
}

func versions() []string {
	all := []string{runtime.Version()}
	for _, tool := range [][]string{{"rustc", "--version"}, {"cc", "--version"}, {"python3", "--version"}} {
		output, err := exec.Command(tool[0], tool[1:]...).Output()
		line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		if err != nil {
			line = tool[0] + " missing"
		}
		all = append(all, line)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if strings.Contains(module.Path, "mmap-go") || strings.HasSuffix(module.Path, "x/exp") {
				all = append(all, module.Path+" "+module.Version)
			}
		}
	}
	return all
}

// commit is the one that is measured, with a + where files differ from it; "" where there is no git.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=8", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}
