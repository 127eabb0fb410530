// Soak reads what tests/threads/soak/soak.c prints, draws it, and fails unless the lines are flat.
//
//	soak LINES SVG
package main

import (
	"bufio"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A line is one report of one process.
type line struct {
	seconds, process                      float64
	memory, descriptors, areas, calls     float64
	median, ninetyNinth, nineHundredNinth float64
}

// A curve is one thing that is reported; of a flat one, the last quarter is at most so many times the first, and
// so much more.
type curve struct {
	name   string
	of     func(line) float64
	factor float64
	more   float64
	powers bool // Drawn by powers of ten.
}

var curves = []curve{
	{"memory of its own (MiB)", func(l line) float64 { return l.memory / 1024 }, 1.1, 2, false},
	{"open descriptors", func(l line) float64 { return l.descriptors }, 1.1, 8, false},
	{"areas of memory", func(l line) float64 { return l.areas }, 1.1, 16, false},
	{"median latency (µs)", func(l line) float64 { return l.median / 1e3 }, 1.5, 1, false},
	{"99th percentile (µs)", func(l line) float64 { return l.ninetyNinth / 1e3 }, 2, 100, true},
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: soak LINES SVG")
		os.Exit(2)
	}
	lines, failures, err := read(os.Args[1])
	if err == nil {
		err = drawn(lines, os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	rising := report(lines)
	for _, failure := range failures {
		fmt.Println(failure)
	}
	if rising || len(failures) > 0 {
		os.Exit(1)
	}
}

func read(path string) (lines []line, failures []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	for texts := bufio.NewScanner(file); texts.Scan(); {
		text, l := texts.Text(), line{}
		_, bad := fmt.Sscan(text, &l.seconds, &l.process, &l.memory, &l.descriptors, &l.areas, &l.calls, &l.median,
			&l.ninetyNinth, &l.nineHundredNinth)
		switch {
		case bad == nil:
			lines = append(lines, l)
		case !strings.HasPrefix(text, "#"):
			failures = append(failures, text)
		}
	}
	if len(lines) == 0 {
		return nil, nil, fmt.Errorf("%s: nothing was reported: %v", path, failures)
	}
	return lines, failures, nil
}

// report prints each curve's first and last quarter; whether one rises.
func report(lines []line) bool {
	var calls float64
	end := 0.0
	for _, l := range lines {
		calls += l.calls
		end = max(end, l.seconds)
	}
	fmt.Printf("%.0f calls in %.0f s\n", calls, end)
	rising := false
	for _, c := range curves {
		first := middle(lines, c, func(l line) bool { return l.seconds <= end/4 })
		last := middle(lines, c, func(l line) bool { return l.seconds > end*3/4 })
		verdict := "flat"
		if last > first*c.factor+c.more {
			verdict, rising = "RISING", true
		}
		fmt.Printf("%-26s %10.1f in the first quarter, %10.1f in the last: %s\n", c.name, first, last, verdict)
	}
	return rising
}

// middle is the median of a curve where the time is right.
func middle(lines []line, c curve, when func(line) bool) float64 {
	var values []float64
	for _, l := range lines {
		if when(l) {
			values = append(values, c.of(l))
		}
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// drawn leaves a picture of all curves, below each other, with a line for each process.
func drawn(lines []line, path string) error {
	const width, height = 24 * vg.Centimeter, 5 * vg.Centimeter
	canvas := vgsvg.New(width, height*vg.Length(len(curves)))
	for i, c := range curves {
		p, err := plotted(lines, c)
		if err != nil {
			return err
		}
		bottom := height * vg.Length(len(curves)-1-i)
		p.Draw(draw.Canvas{Canvas: canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{Y: bottom}, Max: vg.Point{X: width, Y: bottom + height - 0.2*vg.Centimeter},
		}})
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(file); err != nil {
		return err
	}
	return file.Close()
}

func plotted(lines []line, c curve) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Min = c.name, "minutes", 0
	p.Add(plotter.NewGrid())
	points := map[float64]plotter.XYs{}
	top := 0.0
	for _, l := range lines {
		points[l.process] = append(points[l.process], plotter.XY{X: l.seconds / 60, Y: c.of(l)})
		top = max(top, c.of(l))
	}
	for process, xys := range points {
		curve, err := plotter.NewLine(xys)
		if err != nil {
			return nil, err
		}
		shade := uint8(60 * process)
		curve.Color = color.RGBA{R: shade, G: 90, B: 160, A: 255}
		p.Add(curve)
	}
	p.Y.Max = top * 1.1
	if c.powers {
		p.Y.Min, p.Y.Max = 1, max(10, math.Pow(10, math.Ceil(math.Log10(top))))
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	return p, nil
}
