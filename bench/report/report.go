// Package report keeps what was measured, in a file for each machine, and writes it out: the tables of RESULTS.md and
// the chart of results.svg, which have all of them side by side.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"libmemmap/bench/measure"
)

// A Kind is what a row consists of.
type Kind int

const (
	// Pair is two ways to do the same work, and how many times as fast ours is.
	Pair Kind = iota
	// Threads is such a pair on several threads, and what they do together beside one.
	Threads
	// Tail is how long the slow ones take of many single operations.
	Tail
	// Bytes is an amount of memory.
	Bytes
)

// A Definition is what a row measures, and what is asked of it.
type Definition struct {
	Theme, Work, Against string
	Kind                 Kind
	Threads              int
	// Asked is the least ratio that the project holds itself to; of Bytes the most. Of Threads it is the least share of
	// what the machine allows: of one thread's work times the processors or threads, whichever are fewer. A pair without
	// it is a control: it says what the machine allows.
	Asked float64
	// Why is what stands in the way of more, where that is less than asked.
	Why string
	// Chart, if it isn't empty, puts the row on the chart, in these words.
	Chart Label
}

// A Label is what the chart says of a row.
type Label struct{ Theme, Work, Against string }

// Name is what a row is chosen by, and what it is found by in the file of a machine.
func (d Definition) Name() string { return name(d.Work, d.Against, d.Threads) }

func name(work, against string, threads int) string {
	switch {
	case threads == 1:
		work += ", 1 thread"
	case threads > 1:
		work += fmt.Sprintf(", %d threads", threads)
	}
	if against == "" {
		return work
	}
	return work + ", against " + against
}

// A Row is what came out.
type Row struct {
	Work    string `json:"work"`
	Against string `json:"against,omitempty"`
	Threads int    `json:"threads,omitempty"`
	// Skipped is why there are no figures.
	Skipped string `json:"skipped,omitempty"`

	Ours   *Side             `json:"ours,omitempty"`
	Theirs *Side             `json:"theirs,omitempty"`
	Ratio  *measure.Interval `json:"ratio,omitempty"`
	// Quartiles says that the interval is the quartiles of the rounds, as an earlier benchmark had them.
	Quartiles bool    `json:"quartiles,omitempty"`
	Bytes     float64 `json:"bytes,omitempty"`

	Rounds    int               `json:"rounds,omitempty"`
	Date      string            `json:"date"`
	Commit    string            `json:"commit,omitempty"`
	Condition measure.Condition `json:"condition"`
	// Busy is why the figures are not to be relied on.
	Busy string `json:"busy,omitempty"`
}

// A Side is one of the two. Scaling is how many times the work of one thread several do.
type Side struct {
	Nanoseconds  float64              `json:"nanoseconds"`
	Allocations  float64              `json:"allocations,omitempty"`
	Instructions float64              `json:"instructions,omitempty"`
	Cycles       float64              `json:"cycles,omitempty"`
	Scaling      *measure.Interval    `json:"scaling,omitempty"`
	Percentiles  *[3]measure.Interval `json:"percentiles,omitempty"`
}

// Percentiles are those that a tail is described by.
var Percentiles = [3]float64{0.5, 0.99, 0.999}

// Name is that of the row's definition.
func (r Row) Name() string { return name(r.Work, r.Against, r.Threads) }

// Missed says whether less came out than is asked, on so many processors.
func (d Definition) Missed(r Row, processors int) bool {
	switch {
	case d.Asked == 0 || r.Skipped != "":
		return false
	case d.Kind == Bytes:
		return r.Bytes > d.Asked
	case d.Kind == Threads:
		return r.Ours.Scaling.Median < d.Asked*float64(min(d.Threads, processors))
	}
	return r.Ratio.Median < d.Asked
}

// A Machine is where rows were measured.
type Machine struct {
	Processor  string   `json:"processor"`
	Processors int      `json:"processors"`
	Kernel     string   `json:"kernel"`
	Files      string   `json:"files"` // The file system.
	Tools      []string `json:"tools"`
	NoCounters string   `json:"no_counters,omitempty"` // Why instructions aren't counted.
	Rows       []Row    `json:"rows"`
}

// FileName is the machine's name: its processor, and how many.
func (m Machine) FileName() string {
	slug := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(m.Processor), "-")
	return fmt.Sprintf("%s-%d.json", strings.Trim(slug, "-"), m.Processors)
}

// Load returns the machines of a folder, by name.
func Load(folder string) ([]Machine, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var machines []Machine
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var m Machine
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		machines = append(machines, m)
	}
	return machines, nil
}

// Keep writes the rows of m to its file in the folder. Other rows that the file has stay, unless no definition has them
// any more.
func Keep(folder string, m Machine, definitions []Definition) error {
	known, err := Load(folder)
	if err != nil {
		return err
	}
	rows := map[string]Row{}
	for _, other := range known {
		if other.FileName() == m.FileName() {
			for _, r := range other.Rows {
				rows[r.Name()] = r
			}
		}
	}
	for _, r := range m.Rows {
		rows[r.Name()] = r
	}
	m.Rows = nil
	for _, d := range definitions {
		if r, measured := rows[d.Name()]; measured {
			m.Rows = append(m.Rows, r)
		}
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, m.FileName()), append(text, '\n'), 0o644))
}

// Duration writes nanoseconds as people read them.
func Duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	}
	return fmt.Sprintf("%.2f s", ns/1e9)
}

// Factor writes a ratio.
func Factor(ratio float64) string {
	if ratio >= 10 {
		return fmt.Sprintf("%.1f", ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}
