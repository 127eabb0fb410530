package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"libmemmap/bench/measure"
)

// A peer is a program, often in another language, that does a piece of work so many times on request: to a line
// "WORK TIMES ARGUMENTS" it replies a line "ok", or what went wrong. It runs on the processor of the thread that measures.
type peer struct {
	requests io.WriteCloser
	replies  *bufio.Scanner
	command  *exec.Cmd
}

// peers are those in other languages that run, by name; nil where there is none.
var peers = map[string]*peer{}

// python returns the Python peer, or why there is none.
func python() (*peer, string) {
	if _, err := exec.LookPath("python3"); err != nil {
		return nil, "python3 is not installed"
	}
	return running("python3", "peers/python.py")
}

// memmap2 returns a Rust peer, or why there is none.
func memmap2() (*peer, string) { return rustPeer("memmap2") }

// rustPeer returns the one of that name below peers, or why there is none.
func rustPeer(name string) (*peer, string) {
	build := exec.Command("cargo", "build", "--release", "--quiet", "--manifest-path", "peers/"+name+"/Cargo.toml",
		"--target-dir", "../target/peers", "--locked")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Sprintf("the peer can't be built: %v: %s", err, output)
	}
	return running("../target/peers/release/" + name + "-peer")
}

// running returns the peer that these words start, once.
func running(words ...string) (*peer, string) {
	name := strings.Join(words, " ")
	if peers[name] == nil {
		p, err := startPeer(nil, words...)
		if err != nil {
			return nil, err.Error()
		}
		peers[name] = p
	}
	return peers[name], ""
}

func startPeer(environment []string, words ...string) (*peer, error) {
	command := exec.Command(words[0], words[1:]...)
	command.Env = append(os.Environ(), environment...)
	command.Stderr = os.Stderr
	requests, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	replies, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	// It inherits the processor of the thread that starts it.
	measure.Pin(0)
	err = command.Start()
	measure.Unpin()
	if err != nil {
		return nil, err
	}
	watch.Peer(command.Process.Pid)
	p := &peer{requests, bufio.NewScanner(replies), command}
	endAtEnd(p)
	return p, nil
}

// end has the peer end, and waits for that.
func (p *peer) end() {
	p.requests.Close()
	_ = p.command.Wait() // How it ended is no longer of interest.
}

// does has the peer do the work; the time that the request takes is part of the measurement.
func (p *peer) does(work string, arguments ...string) func(*measure.B) {
	return func(b *measure.B) {
		fmt.Fprintln(p.requests, work, b.N, strings.Join(arguments, " "))
		if !p.replies.Scan() {
			b.Fatal("the peer has ended")
		}
		if reply := p.replies.Text(); reply != "ok" {
			b.Fatal(reply)
		}
	}
}
