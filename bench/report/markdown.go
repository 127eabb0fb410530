package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"libmemmap/bench/measure"
)

const head = `# What libmemmap costs, beside others

` + "`make bench`" + ` measures these rows, keeps them in a file for the machine below ` + "`bench/results`" + `, and generates this page
and the chart from all such files.

| command | what it does |
|---|---|
| ` + "`make bench`" + ` | measures every row, in at most %s on two processors |
| ` + "`make bench BENCH='-run REGEXP'`" + ` | measures the rows whose name matches, and replaces only these; ` + "`-list`" + ` prints the names |
| ` + "`make bench BENCH=-short`" + ` | measures each row with a few short rounds, and keeps nothing |
| ` + "`make bench BENCH=-render`" + ` | generates this page and the chart again, and measures nothing |

The machine must be quiet. A row during which other programs take processor time, the hypervisor takes it away, or a
calibrating loop before or after the row is slower than at its best, is measured again, at most %d times; ` + "`-patience`" + `
limits the time that this takes in all. If a row is busy even then, no file is written. ` + "`-busy=skip`" + ` keeps the other
rows, and ` + "`-busy=keep`" + ` keeps all and marks these *busy*.

The two ways of a row take turns, round after round, on one processor that the thread is pinned to; threads of rows with
several have a processor each, as far as there are any. *Ratio* says how many times as fast libmemmap is: theirs divided by
ours, the median of the rounds' ratios, in brackets its %.0f %% confidence interval. *Asked* is the least that the project
holds itself to. Allocations are written where there are any.

![Ten rows](results.svg)
`

// Longest is how long all rows take at most, in words, and Again how often a busy row is measured again.
const (
	Longest = "12 minutes"
	Again   = 2
)

// A writer writes the page.
type writer struct {
	strings.Builder
	definitions []Definition
	machines    []Machine
	rows        []map[string]Row // By machine and name.
}

// Markdown returns the page: the rows of all machines side by side.
func Markdown(definitions []Definition, machines []Machine) string {
	w := writer{machines: machines}
	for _, m := range machines {
		rows := map[string]Row{}
		for _, r := range m.Rows {
			rows[r.Name()] = r
		}
		w.rows = append(w.rows, rows)
	}
	w.definitions = slices.DeleteFunc(slices.Clone(definitions), func(d Definition) bool {
		return !slices.ContainsFunc(w.rows, func(rows map[string]Row) bool { _, measured := rows[d.Name()]; return measured })
	})
	fmt.Fprintf(&w, head, Longest, Again, 100*measure.Confidence)
	w.writeMachines()
	w.writePairs("Results", func(d Definition) bool { return d.Asked != 0 })
	w.writeThreads()
	w.writeTails()
	w.writeBytes()
	w.writePairs("Controls", func(d Definition) bool { return d.Asked == 0 })
	w.writeCounts()
	w.writeMissed()
	w.writeSkipped()
	return w.String()
}

// columns calls of for each machine, and writes what it returns as cells.
func (w *writer) columns(d Definition, of func(Row) string) {
	for i, m := range w.machines {
		r, measured := w.rows[i][d.Name()]
		switch {
		case !measured:
			w.WriteString(" not measured |")
		case r.Skipped != "":
			w.WriteString(" skipped |")
		default:
			mark := ""
			if d.Missed(r, m.Processors) {
				mark += " missed"
			}
			if r.Busy != "" {
				mark += " *busy*"
			}
			fmt.Fprintf(w, " %s%s |", of(r), mark)
		}
	}
	w.WriteString("\n")
}

// table begins a table whose last columns are the machines.
func (w *writer) table(title, text string, columns ...string) {
	fmt.Fprintf(w, "\n## %s\n\n%s", title, text)
	for _, m := range w.machines {
		columns = append(columns, m.short())
	}
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

func (m Machine) short() string { return fmt.Sprintf("%s, %d processors", m.Processor, m.Processors) }

// these are the definitions of a kind.
func (w *writer) these(kind Kind) []Definition {
	return slices.DeleteFunc(slices.Clone(w.definitions), func(d Definition) bool { return d.Kind != kind })
}

func (w *writer) writeMachines() {
	w.WriteString("\n## Machines\n\n| machine | files on | measured | commits | tools |\n|---|---|---|---|---|\n")
	for _, m := range w.machines {
		var dates, commits []string
		for _, r := range m.Rows {
			dates = append(dates, r.Date)
			if r.Commit != "" && !slices.Contains(commits, r.Commit) {
				commits = append(commits, r.Commit)
			}
		}
		when := ""
		if len(dates) > 0 {
			when = slices.Min(dates)
			if last := slices.Max(dates); last != when {
				when += " to " + last
			}
		}
		fmt.Fprintf(w, "| %s, Linux %s | %s | %s | %s | %s |\n", m.short(), m.Kernel, m.Files, when,
			cmp.Or(strings.Join(commits, ", "), "–"), strings.Join(m.Tools, ", "))
	}
}

func (w *writer) writePairs(title string, wanted func(Definition) bool) {
	text := ""
	if title == "Controls" {
		text = "Nothing is asked of these: they say what the machine allows, and what the rows above can be compared with.\n\n"
	}
	begun, theme := false, ""
	for _, d := range w.these(Pair) {
		if !wanted(d) {
			continue
		}
		if !begun {
			columns := []string{"work", "against", "asked"}
			if title == "Controls" {
				columns = columns[:2]
			}
			w.table(title, text, columns...)
			begun = true
		}
		if d.Theme != theme && title != "Controls" {
			theme = d.Theme
			fmt.Fprintf(w, "| **%s** | | |%s\n", theme, strings.Repeat(" |", len(w.machines)))
		}
		fmt.Fprintf(w, "| %s | %s |", d.Work, d.Against)
		if title != "Controls" {
			fmt.Fprintf(w, " %s |", Factor(d.Asked))
		}
		w.columns(d, func(r Row) string {
			return fmt.Sprintf("%s : %s = %s%s", Duration(r.Ours.Nanoseconds), Duration(r.Theirs.Nanoseconds), r.interval(), r.allocations())
		})
	}
	if w.any(func(r Row) bool { return r.Quartiles && r.Ratio != nil }) && title == "Results" {
		w.WriteString("\n° From an earlier benchmark, which didn't watch the machine: the quartiles of 11 to 101 rounds.\n")
	}
}

func (w *writer) any(wanted func(Row) bool) bool {
	return slices.ContainsFunc(w.machines, func(m Machine) bool { return slices.ContainsFunc(m.Rows, wanted) })
}

func (r Row) interval() string {
	mark := ""
	if r.Quartiles {
		mark = "°"
	}
	return bracketed(*r.Ratio) + mark
}

func bracketed(i measure.Interval) string {
	return fmt.Sprintf("**%s** (%s–%s)", Factor(i.Median), Factor(i.Low), Factor(i.High))
}

func (r Row) allocations() string {
	if r.Ours.Allocations == 0 && r.Theirs.Allocations == 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f : %.0f allocations", r.Ours.Allocations, r.Theirs.Allocations)
}

func (w *writer) writeThreads() {
	if len(w.these(Threads)) == 0 {
		return
	}
	w.table("Threads on one handle", "The time of one operation of all threads together; what the threads do together beside one, "+
		"ours and theirs; and the ratio of the\ntimes. Of ours beside one thread 95 % of what can be had is asked: of the "+
		"number of threads or of processors, whichever is less.\n\n", "work", "against", "threads")
	for _, d := range w.these(Threads) {
		fmt.Fprintf(w, "| %s | %s | %d |", d.Work, d.Against, d.Threads)
		w.columns(d, func(r Row) string {
			if r.Threads == 1 {
				return fmt.Sprintf("%s : %s = %s", Duration(r.Ours.Nanoseconds), Duration(r.Theirs.Nanoseconds), r.interval())
			}
			return fmt.Sprintf("%s : %s = %s, beside one: %s : %s", Duration(r.Ours.Nanoseconds), Duration(r.Theirs.Nanoseconds),
				r.interval(), bracketed(*r.Ours.Scaling), bracketed(*r.Theirs.Scaling))
		})
	}
}

func (w *writer) writeTails() {
	if len(w.these(Tail)) == 0 {
		return
	}
	w.table("Tail latencies", "Single operations, each timed for itself: half, 99 % and 99.9 % of them take at most so long. "+
		"Ours and theirs; in brackets\nthe confidence interval. Reading the clock is in it, with both.\n\n", "work", "against", "percentile")
	for _, d := range w.these(Tail) {
		for i, q := range Percentiles {
			fmt.Fprintf(w, "| %s | %s | p%g |", d.Work, d.Against, 100*q)
			w.columns(d, func(r Row) string { return latency(r.Ours.Percentiles[i]) + " : " + latency(r.Theirs.Percentiles[i]) })
		}
	}
}

func latency(i measure.Interval) string {
	return fmt.Sprintf("%s (%s–%s)", Duration(i.Median), Duration(i.Low), Duration(i.High))
}

func (w *writer) writeBytes() {
	if len(w.these(Bytes)) == 0 {
		return
	}
	w.table("Memory", "", "what", "asked")
	for _, d := range w.these(Bytes) {
		fmt.Fprintf(w, "| %s | at most %.0f bytes |", d.Work, d.Asked)
		w.columns(d, func(r Row) string { return fmt.Sprintf("%.0f bytes", r.Bytes) })
	}
}

func (w *writer) writeCounts() {
	w.WriteString("\n## Instructions and cycles\n\n")
	w.WriteString("Of one operation, in user mode, where the processor counts them. `make bench-instructions` counts instructions\n" +
		"everywhere, and `make test` fails where a call takes 10 % more of them than before.\n\n")
	for i, m := range w.machines {
		var lines strings.Builder
		for _, d := range w.these(Pair) {
			if r := w.rows[i][d.Name()]; r.Ours != nil && r.Ours.Instructions > 0 {
				count := func(s *Side) string {
					if s.Instructions == 0 {
						return "–"
					}
					return fmt.Sprintf("%.0f in %.0f", s.Instructions, s.Cycles)
				}
				fmt.Fprintf(&lines, "| %s | %s | %s | %s |\n", d.Work, d.Against, count(r.Ours), count(r.Theirs))
			}
		}
		if lines.Len() == 0 {
			fmt.Fprintf(w, "* %s: skipped: %s\n", m.short(), cmp.Or(m.NoCounters, "not counted yet"))
			continue
		}
		fmt.Fprintf(w, "%s:\n\n| work | against | ours | theirs |\n|---|---|--:|--:|\n%s\n", m.short(), lines.String())
	}
}

func (w *writer) writeMissed() {
	title := "\n## What is missed, and why\n\n"
	for _, d := range w.definitions {
		var where []string
		for i, m := range w.machines {
			if r, measured := w.rows[i][d.Name()]; measured && d.Missed(r, m.Processors) {
				where = append(where, m.short())
			}
		}
		if len(where) > 0 {
			fmt.Fprintf(w, "%s* %s (%s): %s.\n", title, d.Name(), strings.Join(where, "; "), d.Why)
			title = ""
		}
	}
}

func (w *writer) writeSkipped() {
	title := "\n## What was skipped, and why\n\n"
	for i, m := range w.machines {
		for _, d := range w.definitions {
			if r := w.rows[i][d.Name()]; r.Skipped != "" {
				fmt.Fprintf(w, "%s* %s (%s): skipped: %s.\n", title, d.Name(), m.short(), r.Skipped)
				title = ""
			}
		}
	}
}
