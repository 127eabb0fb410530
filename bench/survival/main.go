// Survival loses pages of mapped files, in every scenario and under every peer, each in a process of its
// own, and prints who lives and who is told as a Markdown table.
//
// With arguments it is such a process itself: survival PEER SCENARIO FILE.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	var err error
	if len(os.Args) == 4 {
		err = play(os.Args[1], os.Args[2], os.Args[3])
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "survival:", err)
		os.Exit(1)
	}
}

func run() error {
	folder, err := os.MkdirTemp("", "survival-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	peers := assemble(folder)
	fmt.Println("| what happens | " + strings.Join(names(peers), " | ") + " |")
	fmt.Println("| --- |" + strings.Repeat(" --- |", len(peers)))
	for i, s := range scenarios {
		cells, err := s.row(filepath.Join(folder, fmt.Sprint(i)), peers)
		if err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		fmt.Println("| " + s.title + " | " + strings.Join(cells, " | ") + " |")
	}
	return nil
}

func names(peers []peer) []string {
	names := make([]string, len(peers))
	for i, p := range peers {
		names[i] = p.name
	}
	return names
}

// row plays the scenario with each peer, on a new file each.
func (s scenario) row(folder string, peers []peer) ([]string, error) {
	cells := make([]string, len(peers))
	for i, p := range peers {
		place := fmt.Sprintf("%s-%d", folder, i)
		if err := os.Mkdir(place, 0o700); err != nil {
			return nil, err
		}
		path, cleanUp, err := s.prepare(place)
		if err != nil {
			cells[i] = "skipped: " + err.Error()
			continue
		}
		cells[i] = p.cell(s.name, path)
		if err := cleanUp(); err != nil {
			return nil, err
		}
	}
	return cells, nil
}
