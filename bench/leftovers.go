package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// leftovers is what is to go when a run ends, also by a signal: folders on the disk and in memory, control groups, and
// the peers that may still use them.
var leftovers struct {
	sync.Mutex
	folders []string
	peers   []*peer
}

// newFolder makes a folder below another one, which lasts as long as the run.
func newFolder(below string) (string, error) {
	folder, err := os.MkdirTemp(below, "files-")
	if err == nil {
		removeAtEnd(folder)
	}
	return folder, err
}

func removeAtEnd(folder string) {
	leftovers.Lock()
	defer leftovers.Unlock()
	leftovers.folders = append(leftovers.folders, folder)
}

func endAtEnd(p *peer) {
	leftovers.Lock()
	defer leftovers.Unlock()
	leftovers.peers = append(leftovers.peers, p)
}

func removeLeftovers() {
	leftovers.Lock()
	defer leftovers.Unlock()
	for _, p := range leftovers.peers {
		// Where it has ended already, there is nothing to do.
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
	for _, folder := range leftovers.folders {
		os.RemoveAll(folder)
	}
	leftovers.peers, leftovers.folders = nil, nil
}

// removeOnSignals has the usual signals end the program as they do, but without leftovers.
func removeOnSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		got := <-signals
		removeLeftovers()
		os.Exit(128 + int(got.(syscall.Signal)))
	}()
}
