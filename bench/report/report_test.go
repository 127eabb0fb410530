package report

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"libmemmap/bench/measure"
)

var definitions = []Definition{
	{Theme: "A", Work: "read", Against: "copy", Asked: 0.5, Why: "it checks", Chart: Label{"Reading", "Read", "a copy"}},
	{Theme: "B", Work: "flush", Against: "msync", Asked: 1, Why: "it waits", Chart: Label{"Writing", "Flush", "msync"}},
	{Theme: "A", Work: "search", Against: "memmem", Asked: 1, Why: "it looks", Chart: Label{"Reading", "Search", "memmem"}},
	{Theme: "A", Work: "memchr", Against: "memmem"},
	{Work: "read", Against: "copy", Kind: Threads, Threads: 2, Asked: 0.95, Why: "they share"},
	{Work: "latency of read", Against: "copy", Kind: Tail},
	{Work: "of each handle", Kind: Bytes, Asked: 256, Why: "it is large"},
}

func pairOf(work, against string, ours, theirs float64) Row {
	ratio := theirs / ours
	return Row{
		Work: work, Against: against, Ours: &Side{Nanoseconds: ours}, Theirs: &Side{Nanoseconds: theirs},
		Ratio: &measure.Interval{Median: ratio, Low: ratio * 0.99, High: ratio * 1.01}, Rounds: 31, Date: "2026-11-27",
	}
}

func aMachine() Machine {
	threads := pairOf("read", "copy", 10, 5)
	threads.Threads = 2
	threads.Ours.Scaling, threads.Theirs.Scaling = &measure.Interval{Median: 1.8}, &measure.Interval{Median: 2}
	tail := pairOf("latency of read", "copy", 10, 5)
	tail.Ours.Percentiles, tail.Theirs.Percentiles = &[3]measure.Interval{}, &[3]measure.Interval{}
	return Machine{Processor: "A Chip (R) 9000", Processors: 2, Kernel: "6.1.0-x amd64", Rows: []Row{
		pairOf("read", "copy", 12, 4), pairOf("flush", "msync", 1e6, 5e7), pairOf("search", "memmem", 1e9, 1.01e9),
		pairOf("memchr", "memmem", 1, 1), threads, tail, {Work: "of each handle", Bytes: 300, Date: "2026-11-27"},
	}}
}

func TestAFileIsNamedAfterItsMachine(t *testing.T) {
	if got := aMachine().FileName(); got != "a-chip-r-9000-2.json" {
		t.Error(got)
	}
}

func TestOnlyTheRowsThatWereMeasuredAreReplaced(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "results")
	m := aMachine()
	m.Rows = append(m.Rows, pairOf("no longer defined", "nothing", 1, 1))
	if err := Keep(folder, m, definitions); err != nil {
		t.Fatal(err)
	}
	other := aMachine()
	other.Processor = "Another"
	if err := Keep(folder, other, definitions); err != nil {
		t.Fatal(err)
	}
	m.Rows = []Row{pairOf("flush", "msync", 2e6, 2e7)}
	if err := Keep(folder, m, definitions); err != nil {
		t.Fatal(err)
	}
	machines, err := Load(folder)
	if err != nil || len(machines) != 2 {
		t.Fatalf("%v, %v", machines, err)
	}
	for i, wanted := range []float64{2e6, 1e6} {
		var names []string
		for _, r := range machines[i].Rows {
			names = append(names, r.Name())
		}
		if len(names) != len(definitions) || machines[i].Rows[1].Ours.Nanoseconds != wanted {
			t.Errorf("machine %d: %q, %v", i, names, machines[i].Rows[1].Ours)
		}
	}
}

func TestThePageHasEachRowInItsTable(t *testing.T) {
	m := aMachine()
	m.Rows[1].Busy = "others"
	other := Machine{Processor: "Other", Processors: 8, Rows: []Row{{Work: "read", Against: "copy", Skipped: "no compiler"}}}
	page := Markdown(definitions, []Machine{m, other})
	for _, wanted := range []string{
		"| read | copy | 0.50 | 12.0 ns : 4.0 ns = **0.33** (0.33–0.34) missed | skipped |",
		"| flush | msync | 1.00 | 1.00 ms : 50.00 ms = **50.0** (49.5–50.5) *busy* | not measured |",
		"| read | copy | 2 | 10.0 ns : 5.0 ns = **0.50** (0.49–0.51), beside one: **1.80** (0.00–0.00) : **2.00** (0.00–0.00) missed | not measured |",
		"| of each handle | at most 256 bytes | 300 bytes missed | not measured |",
		"* read, against copy (A Chip (R) 9000, 2 processors): it checks.",
		"* read, against copy (Other, 8 processors): skipped: no compiler.",
	} {
		if !strings.Contains(page, wanted) {
			t.Errorf("there is no %q in\n%s", wanted, page)
		}
	}
	results, controls, _ := strings.Cut(page, "## Controls")
	if !strings.Contains(controls, "| memchr | memmem | 1.0 ns") || strings.Contains(results, "memchr") {
		t.Errorf("the control is not in a table of its own:\n%s", page)
	}
}

func TestTheChartSaysWhoWins(t *testing.T) {
	chart, err := Chart(definitions, aMachine())
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{
		`class="slower"`, "3.0× the time", "12.0 ns", `class="faster"`, "50× as fast", "1.00 ms", "50.0 ms", "same time", "1.00 s",
		"prefers-color-scheme: dark",
	} {
		if !strings.Contains(chart, wanted) {
			t.Errorf("there is no %q in\n%s", wanted, chart)
		}
	}
	if strings.Count(chart, ">Reading<") != 1 {
		t.Error("a theme comes twice")
	}
	for decoder := xml.NewDecoder(strings.NewReader(chart)); ; {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheChartLeavesOutWhatIsNotKnown(t *testing.T) {
	m := aMachine()
	m.Rows[0].Ratio.High = 2
	m.Rows[1].Busy = "others"
	chart, err := Chart(definitions, m)
	if err != nil || !strings.Contains(chart, "no clear difference") || strings.Contains(chart, "Flush") {
		t.Errorf("%v:\n%s", err, chart)
	}
}

func TestDurationsHaveUnits(t *testing.T) {
	for ns, wanted := range map[float64]string{0.5: "0.50 ns", 999.9: "1.00 µs", 12_345: "12.3 µs", 1.5e8: "150 ms", 2e12: "2000 s"} {
		if got := rounded(ns); got != wanted {
			t.Errorf("%v: %s, not %s", ns, got, wanted)
		}
	}
}

func TestWhatIsNotJSONIsNamed(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(folder); err == nil || !strings.Contains(err.Error(), "x.json") {
		t.Errorf("%v", err)
	}
}
