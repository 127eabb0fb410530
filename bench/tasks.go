package main

import (
	"cmp"
	"regexp"
	"slices"
	"time"

	"libmemmap/bench/measure"
	"libmemmap/bench/report"
)

// watch looks at the machine while rows are measured; processes that work for a row are made known to it.
var watch *measure.Watch

// A task measures one row, or some that belong together.
type task struct {
	rows []report.Definition
	run  func(folder string, s settings) ([]report.Row, error)
}

func (t task) matches(wanted *regexp.Regexp) bool {
	return slices.ContainsFunc(t.rows, func(d report.Definition) bool { return wanted.MatchString(d.Name()) })
}

// themed are tasks about the same thing.
func themed(theme string, tasks ...task) []task {
	for _, t := range tasks {
		for i := range t.rows {
			t.rows[i].Theme = theme
		}
	}
	return tasks
}

// How rows are measured that don't say otherwise.
const (
	someRounds = 31
	shortLong  = 2 * time.Millisecond
	shortTurns = 3
	usualLong  = 12 * time.Millisecond
)

// A pair is two ways to do the same work.
type pair struct {
	ours, theirs func(*measure.B)
	// times is how often one measurement does the work; 0: as often as takes some milliseconds.
	times int
	// rounds is how often the two take turns; 0: someRounds.
	rounds int
	// threads says that the work pins threads of its own.
	threads bool
	// elsewhere says that theirs works in another process, of which nothing but the time is known; bothElsewhere, that both do.
	elsewhere, bothElsewhere bool
	// skipped is why there is nothing to compare with; "" if there is.
	skipped string
	// done, if there is one, cleans up.
	done func()
}

// skipped is a pair of which one can't be had on this machine: it is named, not left out.
func skipped(reason string) (pair, error) { return pair{skipped: reason}, nil }

// plan returns how to measure those ways.
func (s settings) plan(rounds, times int, threads bool, ways ...func(*measure.B)) measure.Plan {
	p := measure.Plan{Ways: ways, Long: usualLong, Times: times, Rounds: cmp.Or(s.rounds, rounds, someRounds), Threads: threads}
	if s.short {
		p.Long, p.Rounds = shortLong, shortTurns
		p.Times = min(p.Times, 1000)
	}
	return p
}

// compares is the task of a pair.
func compares(d report.Definition, prepare func(folder string) (pair, error)) task {
	d.Kind = report.Pair
	return task{[]report.Definition{d}, func(folder string, s settings) ([]report.Row, error) {
		p, err := prepare(folder)
		if p.done != nil {
			defer p.done()
		}
		if err != nil || p.skipped != "" {
			return []report.Row{{Skipped: p.skipped}}, err
		}
		plan := s.plan(p.rounds, p.times, p.threads, p.ours, p.theirs)
		results, err := plan.Run(watch)
		if err != nil {
			return nil, err
		}
		r := row(results, 0, 1)
		if p.elsewhere || p.bothElsewhere {
			*r.Theirs = report.Side{Nanoseconds: r.Theirs.Nanoseconds}
		}
		if p.bothElsewhere {
			*r.Ours = report.Side{Nanoseconds: r.Ours.Nanoseconds}
		}
		return []report.Row{r}, nil
	}}
}

// row is what came of two ways of a plan.
func row(results measure.Results, ours, theirs int) report.Row {
	side := func(way int) *report.Side {
		c := results.Counts[way]
		return &report.Side{
			Nanoseconds: measure.Middle(results.Nanoseconds[way]).Median,
			Allocations: c.Allocations, Instructions: c.Instructions, Cycles: c.Cycles,
		}
	}
	ratio := measure.Ratio(results.Nanoseconds[ours], results.Nanoseconds[theirs])
	return report.Row{
		Ours: side(ours), Theirs: side(theirs), Ratio: &ratio,
		Rounds: len(results.Nanoseconds[ours]), Condition: results.Condition,
	}
}

// shared are two ways to do the same work by several threads.
type shared struct {
	ours, theirs func(threads int) func(*measure.B)
	done         func()
}

var threadCounts = []int{1, 2, 4, 8}

// scales is the task of such a pair, on 1, 2, 4 and 8 threads. What is asked is that no thread holds up another: the
// work of as many as there are processors, but for a twentieth.
func scales(d report.Definition, prepare func(folder string) (shared, error)) task {
	d.Kind = report.Threads
	var rows []report.Definition
	for _, n := range threadCounts {
		of := d
		of.Threads = n
		if n > 1 {
			of.Asked = 0.95
		}
		rows = append(rows, of)
	}
	return task{rows, func(folder string, s settings) ([]report.Row, error) {
		p, err := prepare(folder)
		if p.done != nil {
			defer p.done()
		}
		if err != nil {
			return nil, err
		}
		var ways []func(*measure.B)
		for _, n := range threadCounts {
			ways = append(ways, p.ours(n), p.theirs(n))
		}
		plan := s.plan(0, 0, true, ways...)
		results, err := plan.Run(watch)
		if err != nil {
			return nil, err
		}
		var rows []report.Row
		for i := range threadCounts {
			r := row(results, 2*i, 2*i+1)
			ours := measure.Ratio(results.Nanoseconds[2*i], results.Nanoseconds[0])
			theirs := measure.Ratio(results.Nanoseconds[2*i+1], results.Nanoseconds[1])
			// What other threads allocate or count isn't known.
			*r.Ours = report.Side{Nanoseconds: r.Ours.Nanoseconds, Scaling: &ours}
			*r.Theirs = report.Side{Nanoseconds: r.Theirs.Nanoseconds, Scaling: &theirs}
			rows = append(rows, r)
		}
		return rows, nil
	}}
}

// single are two ways to do the same work, each of which times every operation for itself, and returns nanoseconds.
type single struct {
	ours, theirs func(n int) ([]float64, error)
	times        int // Operations of a round.
	rounds       int
	done         func()
}

// tails is the task of such a pair.
func tails(d report.Definition, prepare func(folder string) (single, error)) task {
	d.Kind = report.Tail
	return task{[]report.Definition{d}, func(folder string, s settings) ([]report.Row, error) {
		p, err := prepare(folder)
		if p.done != nil {
			defer p.done()
		}
		if err != nil {
			return nil, err
		}
		var all [2][]float64
		collect := func(who int, run func(int) ([]float64, error)) func(*measure.B) {
			return func(b *measure.B) {
				values, err := run(b.N)
				if err != nil {
					b.Fatal(err)
				}
				all[who] = append(all[who], values...)
			}
		}
		plan := s.plan(p.rounds, p.times, false, collect(0, p.ours), collect(1, p.theirs))
		results, err := plan.Run(watch)
		if err != nil {
			return nil, err
		}
		r := row(results, 0, 1)
		for who, side := range []*report.Side{r.Ours, r.Theirs} {
			values := all[who][plan.Times:] // Without those of the round that warmed up.
			slices.Sort(values)
			*side = report.Side{Percentiles: &[3]measure.Interval{}}
			for i, q := range report.Percentiles {
				side.Percentiles[i] = measure.Percentile(values, q)
			}
			side.Nanoseconds = side.Percentiles[0].Median
		}
		return []report.Row{r}, nil
	}}
}

// weighs is the task of an amount of memory.
func weighs(d report.Definition, bytes func(folder string) (float64, error)) task {
	d.Kind = report.Bytes
	return task{[]report.Definition{d}, func(folder string, _ settings) ([]report.Row, error) {
		value, err := bytes(folder)
		return []report.Row{{Bytes: value}}, err
	}}
}
