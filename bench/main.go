// Bench measures libmemmap beside what people would use instead. RESULTS.md says how to run it, and how it measures.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"libmemmap/bench/measure"
	"libmemmap/bench/report"
)

// What is to be done with rows that were measured while the machine was busy, again and again.
const (
	refuse = "refuse" // Nothing is kept.
	skip   = "skip"   // The other rows are kept.
	keep   = "keep"   // All are kept, and these marked.
)

// settings are the command line.
type settings struct {
	run      *regexp.Regexp
	rounds   int // 0: each row's own.
	short    bool
	busy     string
	patience time.Duration
}

func main() {
	if serving := os.Getenv(servingVariable); serving != "" {
		serve(os.Stdin, os.Stdout)
		return
	}
	// The thread that measures is pinned, and no other may inherit that.
	runtime.LockOSThread()
	s := settings{}
	run := flag.String("run", "", "measure only the rows whose name matches this `regexp`, and replace only these")
	flag.IntVar(&s.rounds, "rounds", 0, "how often the ways of a row take turns, instead of each row's own `number`")
	flag.BoolVar(&s.short, "short", false, "a few short rounds; nothing is kept")
	flag.StringVar(&s.busy, "busy", refuse, "what to do where rows were measured while the machine was busy: "+
		"refuse to keep anything, skip these rows, or keep them marked")
	flag.DurationVar(&s.patience, "patience", 3*time.Minute, "how long rows may be measured again in all")
	list := flag.Bool("list", false, "print the names of the rows, and measure nothing")
	render := flag.Bool("render", false, "generate RESULTS.md and results.svg again, and measure nothing")
	flag.Parse()
	s.run = regexp.MustCompile(*run)
	err := error(nil)
	switch {
	case flag.NArg() > 0 || (s.busy != refuse && s.busy != skip && s.busy != keep):
		flag.Usage()
		os.Exit(2)
	case *list:
		for _, d := range definitions() {
			fmt.Println(d.Name())
		}
	case *render:
		err = write(".")
	default:
		err = bench(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// definitions are those of all rows, in the order of the page.
func definitions() []report.Definition {
	var all []report.Definition
	for _, t := range tasks {
		all = append(all, t.rows...)
	}
	return all
}

func bench(s settings) error {
	// Below the working directory, since what is flushed has to reach a disk: /tmp may be memory.
	removeOnSignals()
	defer removeLeftovers()
	folder, err := newFolder(".")
	if err != nil {
		return err
	}
	if err := rememberHandlers(); err != nil {
		return err
	}
	m := machine(folder)
	fmt.Printf("%s, %d processors, Linux %s, files on %s\n", m.Processor, m.Processors, m.Kernel, m.Files)
	fmt.Printf("%s\n", strings.Join(m.Tools, ", "))
	b := &runner{settings: s, folder: folder, watch: measure.NewWatch(), date: time.Now().UTC().Format(time.DateOnly), commit: commit()}
	watch = b.watch
	if reason := b.watch.Idle(time.Second).Busy(); reason != "" {
		fmt.Printf("\nThis machine is busy: %s; its load was %.2f in the last minute.\n", reason, measure.Load())
	}
	fmt.Println()
	for _, t := range tasks {
		if !t.matches(s.run) {
			continue
		}
		rows, err := b.measured(t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.rows[0].Name(), err)
		}
		m.Rows = append(m.Rows, rows...)
	}
	return b.keep(m)
}

// A runner measures tasks, and repeats those that something disturbs.
type runner struct {
	settings
	folder       string
	watch        *measure.Watch
	date, commit string
	again        time.Duration // What was spent on repeating.
	disturbed    []string      // Names of rows.
}

// measured returns the rows of a task, and prints them. A task during which the machine is busy is run again.
func (b *runner) measured(t task) ([]report.Row, error) {
	for attempt := 0; ; attempt++ {
		begun := time.Now()
		rows, err := t.run(b.folder, b.settings)
		if err != nil {
			return nil, err
		}
		reason := ""
		for i, d := range t.rows {
			r := &rows[i]
			r.Work, r.Against, r.Threads, r.Date, r.Commit = d.Work, d.Against, d.Threads, b.date, b.commit
			if r.Skipped == "" {
				r.Busy = r.Condition.Busy()
				reason = r.Busy
			}
		}
		if attempt > 0 {
			b.again += time.Since(begun)
		}
		if reason != "" && attempt < report.Again && b.again < b.patience && !b.short {
			fmt.Printf("%s: measured again, since the machine was busy: %s\n", t.rows[0].Name(), reason)
			continue
		}
		for i, d := range t.rows {
			fmt.Println(report.Line(d, rows[i], measure.Processors()))
			if rows[i].Busy != "" {
				b.disturbed = append(b.disturbed, d.Name())
			}
		}
		return rows, nil
	}
}

// keep writes the file of the machine, and what is generated from all of them.
func (b *runner) keep(m report.Machine) error {
	switch {
	case len(m.Rows) == 0:
		return fmt.Errorf("no row matches %q; -list prints the names", b.run)
	case b.short || b.rounds > 0 && b.rounds < measure.LeastRounds:
		fmt.Printf("\nNothing is kept: a confidence interval takes %d rounds.\n", measure.LeastRounds)
		return nil
	case len(b.disturbed) > 0 && b.busy == refuse:
		return fmt.Errorf("nothing is kept, since the machine was busy during %d rows:\n  %s\n"+
			"Run it again when nothing else runs; -busy=skip keeps the other rows, -busy=keep keeps all and marks these",
			len(b.disturbed), strings.Join(b.disturbed, "\n  "))
	case b.busy == skip:
		quiet := m.Rows[:0]
		for _, r := range m.Rows {
			if r.Busy == "" {
				quiet = append(quiet, r)
			}
		}
		m.Rows = quiet
	}
	if err := report.Keep("results", m, definitions()); err != nil {
		return err
	}
	return write(".")
}

// write generates RESULTS.md and results.svg in a folder from the files of all machines.
func write(folder string) error {
	page, chart, err := generated(folder)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "RESULTS.md"), []byte(page), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "results.svg"), []byte(chart), 0o644)
}

func generated(folder string) (page, chart string, err error) {
	machines, err := report.Load(filepath.Join(folder, "results"))
	if err != nil {
		return "", "", err
	}
	if len(machines) == 0 {
		return "", "", fmt.Errorf("%s has no results", folder)
	}
	chart, err = report.Chart(definitions(), report.Newest(machines))
	return report.Markdown(definitions(), machines), chart, err
}

// newFile makes a file of size bytes, none of them a hole.
func newFile(folder, name string, size int) (string, error) {
	path := filepath.Join(folder, name)
	return path, os.WriteFile(path, []byte(strings.Repeat("0123456789abcdef", size/16)), 0o600)
}
