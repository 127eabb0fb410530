package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A peer is a program in another language that does a piece of work so many times when it is told to:
// a line "WORK TIMES ARGUMENTS" is answered by a line "ok", or by what went wrong.
type peer struct {
	requests io.Writer
	answers  *bufio.Scanner
}

// python is the Python peer, and why there is none if there isn't.
func python() (*peer, string) {
	if _, err := exec.LookPath("python3"); err != nil {
		return nil, "python3 is not installed"
	}
	p, err := startPeer("python3", "peers/python.py")
	if err != nil {
		return nil, err.Error()
	}
	return p, ""
}

// memmap2 is a Rust peer, and why there is none if there isn't.
func memmap2() (*peer, string) { return rustPeer("memmap2") }

// rustPeer is the one of that name below peers, and why there is none if there isn't.
func rustPeer(name string) (*peer, string) {
	build := exec.Command("cargo", "build", "--release", "--quiet", "--manifest-path", "peers/"+name+"/Cargo.toml",
		"--target-dir", "../target/peers", "--locked")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Sprintf("the peer can't be built: %v: %s", err, output)
	}
	p, err := startPeer("../target/peers/release/" + name + "-peer")
	if err != nil {
		return nil, err.Error()
	}
	return p, ""
}

func startPeer(name string, arguments ...string) (*peer, error) {
	command := exec.Command(name, arguments...)
	command.Stderr = os.Stderr
	requests, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &peer{requests, bufio.NewScanner(answers)}, command.Start()
}

// does has the peer do the work; the time that it takes to tell it is part of the measurement.
func (p *peer) does(work string, arguments ...string) func(*testing.B) {
	return func(b *testing.B) {
		fmt.Fprintln(p.requests, work, b.N, strings.Join(arguments, " "))
		if !p.answers.Scan() {
			b.Fatal("the peer has ended")
		}
		if answer := p.answers.Text(); answer != "ok" {
			b.Fatal(answer)
		}
	}
}
