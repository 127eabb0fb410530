package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// A peer is a program that plays scenarios. It prints "told: " and how, or "not told".
type peer struct {
	name    string
	command []string
	missing string // Why it can't be had, if it can't.
}

// root is the top of the repository: make runs this program in bench.
const root = ".."

func assemble(folder string) []peer {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	inGo := func(name, key string) peer { return peer{name: name, command: []string{self, key}} }
	return []peer{
		inGo("the guide's Go code", "guide"),
		inGo("edsrzf/mmap-go", "mmap-go"),
		python("Python's `mmap`", "mmap"),
		memmap2(),
		inC(filepath.Join(folder, "peer")),
		inGo("libmemmap, Go", "libmemmap"),
		python("libmemmap, Python", "memmap"),
		inGo("the guide's Go code under `memmap.Guard`", "guarded"),
	}
}

// python is the script with either module; env finds libmemmap's.
func python(name, module string) peer {
	p := peer{name: name, command: []string{"env", "PYTHONPATH=" + root + "/python",
		"MEMMAP_LIBRARY=" + root + "/target/release/libmemmap.so", "python3", "survival/peers/peer.py", module}}
	if _, err := exec.LookPath("python3"); err != nil {
		p.missing = "python3 is not installed"
	}
	return p
}

func memmap2() peer {
	const target = root + "/target/survival"
	build := exec.Command("cargo", "build", "--quiet", "--release", "--locked", "--target-dir", target,
		"--manifest-path", "survival/peers/memmap2/Cargo.toml")
	p := peer{name: "memmap2 (Rust)", command: []string{target + "/release/survival-memmap2"}}
	p.missing = made(build)
	return p
}

func inC(program string) peer {
	build := exec.Command("cc", "-O2", "-I"+root+"/include", "-o", program, "survival/peers/peer.c",
		root+"/target/release/libmemmap.a", "-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc")
	p := peer{name: "libmemmap, C", command: []string{program}}
	p.missing = made(build)
	return p
}

// made runs a compiler, and answers why it has made nothing.
func made(build *exec.Cmd) string {
	output, err := build.CombinedOutput()
	if err == nil {
		return ""
	}
	os.Stderr.Write(output)
	return fmt.Sprintf("%s: %v", build.Args[0], err)
}

// cell is what became of the peer in a scenario.
func (p peer) cell(scenario, path string) string {
	if p.missing != "" {
		return "missing: " + p.missing
	}
	program := exec.Command(p.command[0], append(p.command[1:], scenario, path)...)
	var output bytes.Buffer
	program.Stdout, program.Stderr = &output, &output
	err := program.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "missing: " + err.Error()
	}
	return verdict(program.ProcessState, output.String())
}

// goSignal is what Go's runtime says when it ends a program by a signal, with exit status 2.
var goSignal = regexp.MustCompile(`\[signal (SIG[A-Z]+)`)

func verdict(state *os.ProcessState, output string) string {
	status := state.Sys().(syscall.WaitStatus)
	answer := strings.TrimSpace(output)
	switch fatal := goSignal.FindStringSubmatch(output); {
	case status.Signaled():
		return "**died: " + name(status.Signal()) + "**"
	case fatal != nil:
		return "**died: " + fatal[1] + "**"
	case state.Success() && strings.HasPrefix(answer, "told: "):
		return "survived; " + answer
	case state.Success() && strings.HasPrefix(answer, "can't happen: "):
		return answer
	case state.Success() && answer == "not told":
		return "survived; **not told**"
	}
	return fmt.Sprintf("failed with exit status %d: %s", state.ExitCode(), strings.ReplaceAll(answer, "\n", " "))
}

func name(signal syscall.Signal) string {
	switch signal {
	case syscall.SIGBUS:
		return "SIGBUS"
	case syscall.SIGSEGV:
		return "SIGSEGV"
	}
	return signal.String()
}
