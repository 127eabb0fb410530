// Command survival loses pages of mapped files, in every scenario and under every peer, each in a process of its own,
// and prints as a Markdown table how each process ends, which error it gets, and what it computed from lost bytes.
//
// With arguments it is such a process itself: survival PEER SCENARIO FILE.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	fmt.Println("| program | " + strings.Join(titles(), " | ") + " |")
	fmt.Println("| --- |" + strings.Repeat(" --- |", len(scenarios)))
	var names, outcomes []string // Programs with the same outcomes share a row.
	for i, p := range assemble(folder) {
		cells, err := p.row(filepath.Join(folder, fmt.Sprint(i)))
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		outcome := strings.Join(cells, " | ")
		if same := slices.Index(outcomes, outcome); same >= 0 {
			names[same] += ", " + without(p.name, names[same])
			continue
		}
		names, outcomes = append(names, p.name), append(outcomes, outcome)
	}
	for i, name := range names {
		fmt.Println("| " + name + " | " + outcomes[i] + " |")
	}
	return nil
}

// without is the name without the part up to a colon that the names before it begin with.
func without(name, before string) string {
	if who, what, found := strings.Cut(name, ": "); found && strings.HasPrefix(before, who+": ") {
		return what
	}
	return name
}

func titles() []string {
	titles := make([]string, len(scenarios))
	for i, s := range scenarios {
		titles[i] = s.title
	}
	return titles
}

// row plays every scenario with the peer, on a new file each.
func (p peer) row(folder string) ([]string, error) {
	cells := make([]string, len(scenarios))
	for i, s := range scenarios {
		place := fmt.Sprintf("%s-%d", folder, i)
		if err := os.Mkdir(place, 0o700); err != nil {
			return nil, err
		}
		path, cleanUp, err := s.prepare(place)
		if err != nil {
			cells[i] = "skipped: " + err.Error()
			continue
		}
		cells[i] = short(p.cell(s.name, path))
		if err := cleanUp(); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// short is an outcome without the details that a table has no room for.
func short(cell string) string {
	kind, rest, found := strings.Cut(cell, ": ")
	if !found {
		return cell
	}
	rest, _, _ = strings.Cut(rest, ",")
	switch kind {
	case "told":
		return "`" + rest + "`"
	case "told when asked":
		return "`" + rest + "`, when asked"
	}
	return cell
}
