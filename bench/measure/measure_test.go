package measure

import (
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	before = "cpu  1000 100 500 8000 50 10 20 30 0 0\ncpu0 1 2 3\n"
	after  = "cpu  1100 100 540 8030 50 10 20 40 0 0\ncpu0 1 2 3\n" // 180 ticks: 100 user, 40 system, 30 idle, 10 stolen.
)

func condition(t *testing.T, ownUser, ownKernel float64) Condition {
	t.Helper()
	from, err := parseStat(before)
	to, err2 := parseStat(after)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	to.ownUser, to.ownKernel = ownUser, ownKernel
	c := between(from, to)
	c.Compute, c.Memory = 1, 1
	return c
}

func TestTimeOfOthersMakesARowBusy(t *testing.T) {
	for _, c := range []struct {
		name               string
		ownUser, ownKernel float64
		wanted             string
	}{
		{"others", 50, 40, "other programs took 28 % of all processors' time; the hypervisor took away 6 %"},
		{"own", 99, 40, "the hypervisor took away 6 %"},
	} {
		if got := condition(t, c.ownUser, c.ownKernel).Busy(); !strings.HasPrefix(got, c.wanted) {
			t.Errorf("%s: %q, not %q", c.name, got, c.wanted)
		}
	}
}

func TestAQuietMachineIsNotBusy(t *testing.T) {
	c := condition(t, 100, 40)
	c.Steal = 0
	if got := c.Busy(); got != "" {
		t.Errorf("busy: %s", got)
	}
	// A tick or two say nothing.
	c.ticks, c.Others = 20, 0.1
	if got := c.Busy(); got != "" {
		t.Errorf("two ticks: %s", got)
	}
}

func TestSlowLoopsMakeARowBusy(t *testing.T) {
	for wanted, c := range map[string]Condition{
		"a loop that only computes took 1.20 times its best":      {Compute: 1.2, Memory: 1},
		"a loop that only copies memory took 2.00 times its best": {Compute: 1, Memory: 2},
	} {
		if got := c.Busy(); got != wanted {
			t.Errorf("%q, not %q", got, wanted)
		}
	}
}

// work keeps the processor busy for that much of its time, however long that takes.
func work(clock int32, long time.Duration) {
	for spent := time.Duration(0); spent < long; {
		var now unix.Timespec
		if unix.ClockGettime(clock, &now) != nil {
			return
		}
		spent = time.Duration(now.Nano())
	}
}

func TestOwnTimeIsKnown(t *testing.T) {
	w := NewWatch()
	before := w.now()
	work(unix.CLOCK_PROCESS_CPUTIME_ID, time.Duration(before.ownUser+before.ownKernel+10)*10*time.Millisecond)
	after := w.now()
	if own := after.ownUser + after.ownKernel - before.ownUser - before.ownKernel; own < 9 || own > 100 {
		t.Errorf("%v ticks of about 10", own)
	}
	if after.total <= before.total {
		t.Errorf("the machine's time stands still: %v, %v", before, after)
	}
}

func TestTheIntervalIsOfRanks(t *testing.T) {
	got := Middle([]float64{11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6})
	if got != (Interval{6, 2, 9}) { // Of 11 values the second and the ninth: that is 96.1 %.
		t.Errorf("%v", got)
	}
	if got := Middle([]float64{3, 1, 2}); got != (Interval{2, 1, 3}) {
		t.Errorf("of three: %v", got)
	}
	if got := Middle(make([]float64, LeastRounds)); math.IsInf(got.Low, 0) {
		t.Errorf("of the least number: %v", got)
	}
	if got := Ratio([]float64{1, 2, 1}, []float64{2, 4, 2}); got.Median != 2 {
		t.Errorf("twice as fast: %v", got)
	}
}

func TestPercentilesOfAThousand(t *testing.T) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = float64(i + 1)
	}
	for q, wanted := range map[float64]float64{0.5: 500, 0.99: 990, 0.999: 999} {
		got := Percentile(values, q)
		if got.Median != wanted || got.Low > wanted || got.High < wanted || got.High > 1000 {
			t.Errorf("p%g: %v", 100*q, got)
		}
	}
}

func TestTheClockLeavesOutWhatIsNotTheWork(t *testing.T) {
	b, err := once(func(b *B) {
		b.StopTimer()
		time.Sleep(200 * time.Millisecond)
		b.StartTimer()
	}, 1, nil)
	if err != nil || b.elapsed >= 200*time.Millisecond {
		t.Errorf("%v, %v", b.elapsed, err)
	}
	b, err = once(func(b *B) { b.Took(time.Hour) }, 2, nil)
	if err != nil || b.nanoseconds() != float64(30*time.Minute) {
		t.Errorf("%v, %v", b.elapsed, err)
	}
}

func TestAWayThatFailsFailsTheRow(t *testing.T) {
	_, err := Plan{Ways: []func(*B){func(b *B) { b.Fatalf("at %d", 7) }}, Times: 1, Rounds: 1}.Run(NewWatch())
	if err == nil || err.Error() != "at 7" {
		t.Errorf("%v", err)
	}
}

func TestWaysTakeTurnsOnOneProcessor(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	order, processors := "", map[int]bool{}
	way := func(name string) func(*B) {
		return func(*B) {
			order += name
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(0, &set); err != nil {
				t.Error(err)
			}
			processors[set.Count()] = true
		}
	}
	results, err := Plan{Ways: []func(*B){way("a"), way("b")}, Times: 1, Rounds: 3}.Run(NewWatch())
	if err != nil || order != "ab"+"abbaab" || len(results.Nanoseconds[1]) != 3 {
		t.Errorf("%s, %v, %v", order, results, err)
	}
	if len(processors) != 1 || !processors[1] {
		t.Errorf("numbers of processors: %v", processors)
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() != Processors() {
		t.Errorf("afterwards %d of %d processors: %v", set.Count(), Processors(), err)
	}
}

var kept any

func TestAllocationsAreCounted(t *testing.T) {
	results, err := Plan{Ways: []func(*B){func(b *B) {
		for range b.N {
			kept = new([64]byte)
		}
	}}, Times: 1000, Rounds: 1}.Run(NewWatch())
	if err != nil || results.Counts[0].Allocations != 1 {
		t.Errorf("%v, %v", results.Counts, err)
	}
	kept = nil
}

// There may be no counters of the processor; those of the kernel count in the same way.
func TestACounterCounts(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := newCounter(unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_TASK_CLOCK)
	if err != nil {
		t.Logf("no counter at all: %v", err)
		return
	}
	c.control(unix.PERF_EVENT_IOC_ENABLE)
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	work(unix.CLOCK_THREAD_CPUTIME_ID, time.Duration(now.Nano())+5*time.Millisecond)
	c.control(unix.PERF_EVENT_IOC_DISABLE)
	if got := c.finish(); got < 4e6 || got > 1e9 {
		t.Errorf("%v ns of about 5 ms", got)
	}
}
