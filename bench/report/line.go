package report

import (
	"fmt"
	"strings"
)

// Line is what a terminal shows of a row.
func Line(d Definition, r Row, processors int) string {
	if r.Skipped != "" {
		return fmt.Sprintf("%s: skipped: %s", d.Name(), r.Skipped)
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%-100s", d.Name())
	switch d.Kind {
	case Bytes:
		fmt.Fprintf(&line, " %.0f bytes, asked: at most %.0f", r.Bytes, d.Asked)
	case Tail:
		for i, q := range Percentiles {
			fmt.Fprintf(&line, " p%g %s : %s ", 100*q, Duration(r.Ours.Percentiles[i].Median), Duration(r.Theirs.Percentiles[i].Median))
		}
	default:
		fmt.Fprintf(&line, " %10s : %-10s %5s (%s-%s)", Duration(r.Ours.Nanoseconds), Duration(r.Theirs.Nanoseconds),
			Factor(r.Ratio.Median), Factor(r.Ratio.Low), Factor(r.Ratio.High))
		if d.Threads > 1 {
			fmt.Fprintf(&line, ", beside one thread %s : %s", Factor(r.Ours.Scaling.Median), Factor(r.Theirs.Scaling.Median))
		}
		if d.Asked != 0 && d.Kind == Pair {
			fmt.Fprintf(&line, ", asked %s", Factor(d.Asked))
		}
		if r.Ours.Allocations+r.Theirs.Allocations > 0 {
			line.WriteString(r.allocations())
		}
	}
	if d.Missed(r, processors) {
		line.WriteString(" MISSED")
	}
	if r.Busy != "" {
		fmt.Fprintf(&line, " BUSY: %s", r.Busy)
	}
	return line.String()
}
