package main

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A report is what one run has measured: a table for a terminal and for RESULTS.md, and a chart.
type report struct {
	rows  []row
	notes []string
}

const format = "%-52s %-34s %10s %10s %7s %-13s %6s  %s\n"

func printHead() {
	fmt.Printf(format, "work", "against", "ours", "theirs", "ratio", "(quartiles)", "asked", "allocations")
}

func (r row) print() {
	if r.missing != "" {
		fmt.Printf("%-52s missing: %s\n", r.work, r.missing)
		return
	}
	fmt.Printf(format, r.work, r.against, duration(r.oursNs), duration(r.theirsNs), fmt.Sprintf("%.2f", r.ratio),
		fmt.Sprintf("(%.2f-%.2f)", r.low, r.high), fmt.Sprintf("%.2f", r.asked),
		fmt.Sprintf("%d : %d %s", r.oursAllocs, r.theirsAllocs, r.verdict()))
}

func (r row) verdict() string {
	if r.ratio < r.asked {
		return "MISSED"
	}
	return ""
}

// add measures a pair and prints it at once.
func (t *report) add(p pair) error {
	r, err := p.measure()
	if err != nil {
		return err
	}
	r.print()
	t.rows = append(t.rows, r)
	return nil
}

func (t *report) note(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	fmt.Println(text)
	t.notes = append(t.notes, text)
}

// write leaves the table in RESULTS.md and the chart in results.svg, in the working directory.
func (t *report) write(machine string) error {
	if err := t.draw("results.svg"); err != nil {
		return err
	}
	return os.WriteFile("RESULTS.md", []byte(t.markdown(machine)), 0o644)
}

func (t *report) markdown(machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What libmemmap costs, beside others\n\nMade by `make bench`, all in one run. %s\n\n", machine)
	b.WriteString("A ratio says how many times as fast libmemmap is: theirs divided by ours, the median of the rounds in\n" +
		"which the two take turns; in brackets the quartiles. *Asked* is the least that the project holds itself to.\n\n" +
		"![chart](results.svg)\n\n")
	b.WriteString("| work | against | ours | theirs | ratio | asked | allocations |\n|---|---|--:|--:|--:|--:|--:|\n")
	for _, r := range t.rows {
		if r.missing != "" {
			fmt.Fprintf(&b, "| %s | *missing: %s* | | | | | |\n", r.work, r.missing)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | **%.2f** (%.2f–%.2f) | %.2f %s | %d : %d |\n", r.work, r.against,
			duration(r.oursNs), duration(r.theirsNs), r.ratio, r.low, r.high, r.asked, strings.ToLower(r.verdict()),
			r.oursAllocs, r.theirsAllocs)
	}
	for _, note := range t.notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	t.explain(&b)
	return b.String()
}

// explain says of every row that is less than asked what stands in its way.
func (t *report) explain(b *strings.Builder) {
	title := "\n## What is missed, and why\n\n"
	for _, r := range t.rows {
		if r.missing == "" && r.verdict() != "" {
			fmt.Fprintf(b, "%s* %s, against %s: %s.\n", title, r.work, r.against, cmp.Or(r.why, "not known"))
			title = ""
		}
	}
}

// draw shows each ratio as a dot between its quartiles, on a logarithmic scale, and what was asked as a tick.
func (t *report) draw(path string) error {
	rows := slices.DeleteFunc(slices.Clone(t.rows), func(r row) bool { return r.missing != "" })
	slices.Reverse(rows) // The first at the top.
	p := plot.New()
	p.Title.Text = "libmemmap beside others: how many times as fast"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ratioTicks{}
	var names []string
	dots := ratios{}
	var asked plotter.XYs
	for i, r := range rows {
		names = append(names, r.work+"\nagainst "+r.against)
		dots.XYs = append(dots.XYs, plotter.XY{X: r.ratio, Y: float64(i)})
		dots.XErrors = append(dots.XErrors, struct{ Low, High float64 }{r.low - r.ratio, r.high - r.ratio})
		if r.asked > 0 { // Of what is there to compare with nothing is asked.
			asked = append(asked, plotter.XY{X: r.asked, Y: float64(i)})
		}
	}
	p.NominalY(names...)
	bars, err := plotter.NewXErrorBars(dots)
	if err != nil {
		return err
	}
	medians, err := plotter.NewScatter(dots)
	if err != nil {
		return err
	}
	ticks, err := plotter.NewScatter(asked)
	if err != nil {
		return err
	}
	medians.Shape, medians.Radius, medians.Color = draw.CircleGlyph{}, vg.Points(4), color.RGBA{R: 0, G: 90, B: 160, A: 255}
	ticks.Shape, ticks.Radius, ticks.Color = draw.RingGlyph{}, vg.Points(4), color.RGBA{R: 200, G: 80, B: 0, A: 255}
	even, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.5}, {X: 1, Y: float64(len(rows)) - 0.5}})
	if err != nil {
		return err
	}
	even.Color = color.Gray{Y: 160}
	p.Add(plotter.NewGrid(), even, bars, ticks, medians)
	p.Legend.Add("measured", medians)
	p.Legend.Add("asked", ticks)
	p.Legend.Top = true
	return p.Save(26*vg.Centimeter, vg.Length(len(rows))*vg.Centimeter+3*vg.Centimeter, path)
}

// ratios are points with what the quartiles are away from them.
type ratios struct {
	plotter.XYs
	plotter.XErrors
}

// ratioTicks are the powers of two, and ten times that.
type ratioTicks struct{}

func (ratioTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for exponent := math.Floor(math.Log2(low)); exponent <= math.Ceil(math.Log2(high)); exponent++ {
		value := math.Exp2(exponent)
		ticks = append(ticks, plot.Tick{Value: value, Label: fmt.Sprintf("%g×", value)})
	}
	return ticks
}

// machine is where the run took place, and with what.
func machine(folder string) string {
	var uname unix.Utsname
	unix.Uname(&uname)
	var fs unix.Statfs_t
	unix.Statfs(folder, &fs)
	return fmt.Sprintf("Linux %s %s, %d CPUs (%s), files on %s; %s.", unix.ByteSliceToString(uname.Release[:]), runtime.GOARCH,
		runtime.NumCPU(), processor(), fileSystem(fs.Type), strings.Join(versions(), ", "))
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(text), "model name\t: ")
	name, _, _ := strings.Cut(rest, "\n")
	return name
}

func fileSystem(magic int64) string {
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "XFS", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
	}
	if name, known := names[magic]; known {
		return name
	}
	return fmt.Sprintf("file system %#x", magic)
}

func versions() []string {
	all := []string{runtime.Version()}
	for _, tool := range [][]string{{"rustc", "--version"}, {"cc", "--version"}, {"python3", "--version"}} {
		output, err := exec.Command(tool[0], tool[1:]...).Output()
		line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		if err != nil {
			line = tool[0] + " missing"
		}
		all = append(all, line)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if strings.Contains(module.Path, "mmap-go") || strings.HasSuffix(module.Path, "x/exp") {
				all = append(all, module.Path+" "+module.Version)
			}
		}
	}
	return all
}
