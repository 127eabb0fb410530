package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

//go:embed chart.svg.tmpl
var picture string

// Sizes of the chart, in the pixels of a page that shows it 800 wide.
const (
	chartWidth = 800
	barsLeft   = 292
	barsWidth  = 250 // Of the longer of the two.
	firstRow   = 122
	themeTall  = 30
	rowTall    = 50
)

// A bar is the time of one of the two.
type bar struct {
	Y, Width int
	TextX    int
	Time     string
}

type chartRow struct {
	Y             int
	Theme         string // Where one begins.
	ThemeY        int
	Work, Against string
	Ours, Theirs  bar
	Verdict       string // What it is drawn as: faster, slower or same.
	Words         string
}

type chart struct {
	Width, Height, Inner int
	Where                string
	Rows                 []chartRow
}

// Chart draws the rows that have a label, as they are on one machine: times of both as bars, and how they compare. It
// is readable on a light and on a dark page. Rows that were measured while the machine was busy aren't drawn.
func Chart(definitions []Definition, m Machine) (string, error) {
	rows := map[string]Row{}
	last := ""
	for _, r := range m.Rows {
		rows[r.Name()] = r
		last = max(last, r.Date)
	}
	c := chart{Width: chartWidth, Where: fmt.Sprintf("%s, Linux %s, %s", m.short(), release(m.Kernel), last)}
	y, theme := firstRow, ""
	for _, d := range byTheme(definitions) {
		r, measured := rows[d.Name()]
		if !measured || r.Skipped != "" || r.Busy != "" {
			continue
		}
		row := chartRow{Work: d.Chart.Work, Against: d.Chart.Against}
		if d.Chart.Theme != theme {
			theme = d.Chart.Theme
			row.Theme, row.ThemeY = theme, y+14
			y += themeTall
		}
		row.Y = y
		longest := max(r.Ours.Nanoseconds, r.Theirs.Nanoseconds)
		row.Ours, row.Theirs = newBar(y, r.Ours.Nanoseconds, longest), newBar(y+19, r.Theirs.Nanoseconds, longest)
		row.Verdict, row.Words = compared(r)
		c.Rows = append(c.Rows, row)
		y += rowTall
	}
	c.Height, c.Inner = y+8, y+7
	parsed, err := template.New("chart").Parse(picture)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = parsed.Execute(&b, c)
	return b.String(), err
}

// byTheme returns the definitions with a label, those of a theme beside each other.
func byTheme(definitions []Definition) []Definition {
	var themes []string
	var labelled []Definition
	for _, d := range definitions {
		if d.Chart.Work == "" {
			continue
		}
		labelled = append(labelled, d)
		if !slices.Contains(themes, d.Chart.Theme) {
			themes = append(themes, d.Chart.Theme)
		}
	}
	slices.SortStableFunc(labelled, func(a, b Definition) int {
		return slices.Index(themes, a.Chart.Theme) - slices.Index(themes, b.Chart.Theme)
	})
	return labelled
}

// Newest returns the machine that was measured last.
func Newest(machines []Machine) Machine {
	last := func(m Machine) string {
		date := ""
		for _, r := range m.Rows {
			date = max(date, r.Date)
		}
		return date
	}
	return slices.MaxFunc(machines, func(a, b Machine) int { return strings.Compare(last(a), last(b)) })
}

// release is the kernel's version without what a distribution adds.
func release(kernel string) string {
	version, _, _ := strings.Cut(kernel, "-")
	return version
}

func newBar(y int, ns, longest float64) bar {
	width := max(2, int(math.Round(barsWidth*ns/longest)))
	return bar{Y: y, Width: width, TextX: barsLeft + width + 7, Time: rounded(ns)}
}

// rounded has three digits.
func rounded(ns float64) string {
	for _, unit := range []struct {
		name string
		of   float64
	}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if value := ns / unit.of; value < 999.5 || unit.name == "s" {
			return fmt.Sprintf("%.*f %s", digits(value), value, unit.name)
		}
	}
	return ""
}

// digits is how many come after the point of a number that has three in all.
func digits(value float64) int { return max(0, 2-int(math.Floor(math.Log10(max(value, 1))))) }

// compared returns what a row is drawn as, and its words: those of a loss are as large as those of a win. Less than five
// per cent is no difference, and what the interval leaves open is none that can be told.
func compared(r Row) (verdict, words string) {
	ratio := r.Ratio.Median
	factor := func(value float64) string { return fmt.Sprintf("%.*f×", max(0, digits(value)-1), value) }
	switch {
	case ratio > 1/1.05 && ratio < 1.05:
		return "same", "same time"
	case r.Ratio.Low <= 1 && r.Ratio.High >= 1:
		return "same", "no clear difference"
	case ratio > 1:
		return "faster", factor(ratio) + " as fast"
	}
	return "slower", factor(1/ratio) + " the time"
}
