package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"libmemmap/bench/measure"
	"libmemmap/bench/report"
)

func TestThePageAndTheChartAreThoseOfTheResults(t *testing.T) {
	page, chart, err := generated(".")
	if err != nil {
		t.Fatal(err)
	}
	for name, wanted := range map[string]string{"RESULTS.md": page, "results.svg": chart} {
		kept, err := os.ReadFile(name)
		if err != nil || string(kept) != wanted {
			t.Errorf("%s is stale (make bench BENCH=-render generates it again): %v", name, err)
		}
	}
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range definitions() {
		if seen[d.Name()] {
			t.Errorf("%q comes twice", d.Name())
		}
		seen[d.Name()] = true
	}
}

// What is missed on a machine whose results are kept has a reason.
func TestMissedRowsHaveAReason(t *testing.T) {
	machines, err := report.Load("results")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range machines {
		rows := map[string]report.Row{}
		for _, r := range m.Rows {
			rows[r.Name()] = r
		}
		for _, d := range definitions() {
			if r, measured := rows[d.Name()]; measured && d.Missed(r, m.Processors) && d.Why == "" {
				t.Errorf("%s: %s: why is less than asked?", m.Processor, d.Name())
			}
		}
	}
}

// Eight to ten rows, none of which is wider than the chart has room for: a letter takes less than 0.62 of its size.
func TestTheChartIsForPeople(t *testing.T) {
	labels := 0
	for _, d := range definitions() {
		if d.Chart.Work == "" {
			continue
		}
		labels++
		for text, size := range map[string]float64{d.Chart.Work: 14, d.Chart.Against: 12} {
			if width := 0.62 * size * float64(utf8.RuneCountInString(text)); width > 292-24 {
				t.Errorf("%q is some %.0f pixels wide", text, width)
			}
		}
		if d.Asked == 0 || d.Kind != report.Pair {
			t.Errorf("%q is no row of the table of results", d.Name())
		}
	}
	if labels < 8 || labels > 10 {
		t.Errorf("%d rows", labels)
	}
}

// started is a runner that keeps its results below a folder of the test's own, which is the working directory.
func started(t *testing.T, s settings) *runner {
	t.Helper()
	if err := rememberHandlers(); err != nil {
		t.Fatal(err)
	}
	watch = measure.NewWatch()
	t.Chdir(t.TempDir())
	return &runner{settings: s, folder: t.TempDir(), watch: watch, date: "2026-11-27"}
}

func rowsNamed(t *testing.T, name string) task {
	t.Helper()
	wanted := regexp.MustCompile(name)
	for _, candidate := range tasks {
		if candidate.matches(wanted) {
			return candidate
		}
	}
	t.Fatalf("there is no %q", name)
	return task{}
}

func TestARowOfEachKindIsMeasured(t *testing.T) {
	b := started(t, settings{short: true})
	for _, name := range []string{
		"^C memmap_pin .*, against pthread", "^C memmap_read .*, 2 threads", "^latency of C memmap_read", "^Go View, .* 8 threads",
		"^latency of a read of a lost page",
	} {
		wanted := rowsNamed(t, name)
		rows, err := b.measured(wanted)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range wanted.rows {
			r := rows[i]
			if r.Name() != d.Name() || r.Ours.Nanoseconds <= 0 || r.Theirs.Nanoseconds <= 0 || r.Date != "2026-11-27" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// disturbed is a task of one row during which the machine is busy.
func disturbed(runs *int) task {
	d := report.Definition{Theme: "Reading", Work: "C memmap_read of 4 KiB", Against: "a plain call of memcpy", Asked: 1}
	return task{[]report.Definition{d}, func(string, settings) ([]report.Row, error) {
		*runs++
		r := report.Row{Ours: &report.Side{Nanoseconds: 1}, Theirs: &report.Side{Nanoseconds: 1}, Ratio: &measure.Interval{Median: 1, Low: 1, High: 1}}
		r.Condition = measure.Condition{Compute: 2}
		return []report.Row{r}, nil
	}}
}

func TestABusyRowIsMeasuredAgainAndThenRefused(t *testing.T) {
	runs := 0
	b := started(t, settings{busy: refuse, patience: 1 << 40})
	rows, err := b.measured(disturbed(&runs))
	if err != nil || runs != 1+report.Again {
		t.Fatalf("%d runs: %v", runs, err)
	}
	m := report.Machine{Processor: "chip", Processors: 1, Rows: rows}
	err = b.keep(m)
	if err == nil || !strings.Contains(err.Error(), "C memmap_read of 4 KiB") || !strings.Contains(err.Error(), "-busy=keep") {
		t.Errorf("%v", err)
	}
	if files, _ := filepath.Glob("*"); len(files) != 0 {
		t.Errorf("files are written: %q", files)
	}
	// A short run isn't kept either.
	b.short, b.disturbed = true, nil
	if err := b.keep(m); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob("*"); len(files) != 0 {
		t.Errorf("files are written: %q", files)
	}
}

func TestBusyRowsAreMarkedWhereTheyAreKept(t *testing.T) {
	runs := 0
	b := started(t, settings{busy: keep})
	rows, err := b.measured(disturbed(&runs))
	if err != nil || runs != 1 { // There is no patience.
		t.Fatalf("%d runs: %v", runs, err)
	}
	if err := b.keep(report.Machine{Processor: "chip", Processors: 1, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("RESULTS.md")
	if err != nil || !strings.Contains(string(page), "*busy*") {
		t.Errorf("%v:\n%s", err, page)
	}
	if _, err := os.Stat("results/chip-1.json"); err != nil {
		t.Error(err)
	}
}

func TestBusyRowsKeepTheirEarlierFiguresWhereTheyAreSkipped(t *testing.T) {
	runs := 0
	b := started(t, settings{busy: keep})
	rows, err := b.measured(disturbed(&runs))
	if err != nil {
		t.Fatal(err)
	}
	m := report.Machine{Processor: "chip", Processors: 1, Rows: rows}
	if err := b.keep(m); err != nil {
		t.Fatal(err)
	}
	b.busy = skip
	rows[0].Ours.Nanoseconds = 77
	if err := b.keep(m); err != nil {
		t.Fatal(err)
	}
	machines, err := report.Load("results")
	if err != nil || machines[0].Rows[0].Ours.Nanoseconds != 1 {
		t.Errorf("%v, %v", machines, err)
	}
}

func TestWhatNoRowMatchesIsSaid(t *testing.T) {
	b := started(t, settings{run: regexp.MustCompile("nothing like it")})
	if err := b.keep(report.Machine{}); err == nil || !strings.Contains(err.Error(), "-list") {
		t.Errorf("%v", err)
	}
}

func TestAGroupIsMadeWhereItCanHaveALimit(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{
		"slice/cgroup.subtree_control": "cpu memory\n", "cgroup.subtree_control": "cpu\n", "memory/own/tasks": "",
	} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for own, wanted := range map[string][2]string{
		"0::/slice/scope\n":                      {"slice", "there is no controller of memory of version 1"},
		"0::/scope\n":                            {root + " doesn't pass on the controller of memory", "there is no controller"},
		"5:cpu,memory:/own\n1:name=systemd:/a\n": {"the process is in no group of version 2", "memory/own"},
		"4:memory:/elsewhere\n0::/\n":            {root + " doesn't pass on", "memory"},
	} {
		for i, parent := range []func(string, string) (string, error){parentInVersion2, parentInVersion1} {
			folder, err := parent(root, own)
			if err != nil && strings.HasPrefix(err.Error(), wanted[i]) {
				continue
			}
			if err != nil || folder != filepath.Join(root, wanted[i]) {
				t.Errorf("%q, version %d: %s, %v", own, 2-i, folder, err)
			}
		}
	}
}

func TestARunLeavesNothing(t *testing.T) {
	b := started(t, settings{short: true})
	folder, err := newFolder(b.folder)
	if err != nil {
		t.Fatal(err)
	}
	p, err := startPeer(nil, "sleep", "100")
	if err != nil {
		t.Fatal(err)
	}
	removeLeftovers()
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", folder, err)
	}
	if p.command.ProcessState == nil {
		t.Error("the peer still runs")
	}
}

// A peer runs where the thread that measures does.
func TestAPeerRepliesOnOneProcessor(t *testing.T) {
	started(t, settings{})
	defer removeLeftovers()
	p, err := startPeer(nil, "sh", "-c", "read line; set -- $line; nproc > $3; echo ok; read line; echo failed")
	if err != nil {
		t.Fatal(err)
	}
	plan := measure.Plan{Ways: []func(*measure.B){p.does("count", "processors")}, Times: 1, Rounds: 1}
	if _, err := plan.Run(watch); err == nil || err.Error() != "failed" {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile("processors"); err != nil || string(text) != "1\n" {
		t.Errorf("%q, %v", text, err)
	}
}
