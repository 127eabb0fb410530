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

// A peer is a program that plays scenarios. Its last line is the outcome: "told: " and the error, "told when asked: "
// and the error where only a question returns one, "not told", "computed: " and from what, or "can't happen: " and why.
type peer struct {
	name    string
	command []string
	missing string // Why it can't be run, if it can't.
}

// root is the top of the repository: make runs this program in bench.
const root = ".."

// inGoNames are the peers that this program plays itself.
var inGoNames = map[string]string{
	"guide":   "the mmap guide's Go code",
	"panic":   "the guide's code under `debug.SetPanicOnFault`",
	"mmap-go": "edsrzf/mmap-go",
	"expmmap": "golang.org/x/exp/mmap",
	"ReadAt":  "libmemmap, Go: `Map.ReadAt`",
	"View":    "libmemmap, Go: `Map.View`",
	"tried":   "the guide's code under `memmap.Guard` and `memmap.Try`",
	"guarded": "the guide's code under `memmap.Guard`",
}

// assemble returns all peers: first what others have, then libmemmap.
func assemble(folder string) []peer {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	inGo := func(key string) peer { return peer{name: inGoNames[key], command: []string{self, key}} }
	program, missing := inC(filepath.Join(folder, "peer"))
	c := func(name, how string) peer {
		return peer{name: name, command: []string{program, how}, missing: missing}
	}
	return []peer{
		inGo("guide"),
		inGo("panic"),
		inGo("mmap-go"),
		inGo("expmmap"),
		python("Python's `mmap`", "mmap", "slice"),
		python("NumPy over Python's `mmap`", "mmap", "numpy"),
		rust("memmap2 (Rust)", "memmap2"),
		inGo("ReadAt"),
		inGo("View"),
		inGo("tried"),
		inGo("guarded"),
		c("libmemmap, C: `memmap_read`", "read"),
		c("libmemmap, C: `memmap_try`", "try"),
		c("libmemmap, C: a pinned pointer", "pin"),
		python("libmemmap, Python", "memmap", "slice"),
		python("NumPy over libmemmap, Python", "memmap", "numpy"),
		rust("libmemmap, Rust: `Map::read`, `Map::view`", "libmemmap"),
	}
}

// python is the script with either module; env finds libmemmap's.
func python(name, module, how string) peer {
	interpreter := interpreter()
	p := peer{name: name, command: []string{"env", "PYTHONPATH=" + root + "/python",
		"MEMMAP_LIBRARY=" + root + "/target/release/libmemmap.so", interpreter, "survival/peers/peer.py", module, how}}
	if _, err := exec.LookPath(interpreter); err != nil {
		p.missing = "python3 is not installed"
	} else if how == "numpy" && exec.Command(interpreter, "-c", "import numpy").Run() != nil {
		p.missing = "NumPy is not installed"
	}
	return p
}

// interpreter is the one of make test-python, which has NumPy, or else the system's.
func interpreter() string {
	const ours = root + "/.tools/python/bin/python"
	if _, err := os.Stat(ours); err == nil {
		return ours
	}
	return "python3"
}

// rust is a peer of the crate in peers/rust.
func rust(name, how string) peer {
	const target = root + "/target/survival"
	build := exec.Command("cargo", "build", "--quiet", "--release", "--locked", "--target-dir", target,
		"--manifest-path", "survival/peers/rust/Cargo.toml")
	return peer{name: name, command: []string{target + "/release/survival-peer", how}, missing: made(build)}
}

func inC(program string) (path, missing string) {
	build := exec.Command("cc", "-O2", "-I"+root+"/include", "-o", program, "survival/peers/peer.c",
		root+"/target/release/libmemmap.a", "-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc")
	return program, made(build)
}

// made runs a compiler, and returns why it made nothing.
func made(build *exec.Cmd) string {
	output, err := build.CombinedOutput()
	if err == nil {
		return ""
	}
	os.Stderr.Write(output)
	return fmt.Sprintf("%s: %v", build.Args[0], err)
}

// cell is the outcome of a scenario for the peer.
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
	return verdict(scenario, program.ProcessState, output.String())
}

// goSignal is what Go's runtime prints when it ends a program by a signal, with exit status 2.
var goSignal = regexp.MustCompile(`\[signal (SIG[A-Z]+)`)

func verdict(scenario string, state *os.ProcessState, output string) string {
	status := state.Sys().(syscall.WaitStatus)
	outcome := strings.TrimSpace(output)
	switch fatal := goSignal.FindStringSubmatch(output); {
	case status.Signaled():
		return died(scenario, name(status.Signal()))
	case fatal != nil:
		return died(scenario, fatal[1])
	case state.Success() && strings.HasPrefix(outcome, "computed: "):
		return strings.TrimPrefix(outcome, "computed: ")
	case state.Success() && (strings.HasPrefix(outcome, "told") || strings.HasPrefix(outcome, "can't happen: ")):
		return outcome
	case state.Success() && outcome == "not told":
		return "**not told**"
	}
	return fmt.Sprintf("failed with exit status %d: %s", state.ExitCode(), strings.ReplaceAll(outcome, "\n", " "))
}

func died(scenario, signal string) string {
	if scenario == "sum" {
		return "nothing: it died"
	}
	return "**died: " + signal + "**"
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
