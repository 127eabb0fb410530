package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The machine is busy for a row where any of these is passed, while the row is measured. What others do in user mode
// tells other programs from the kernel's own threads, which write back and read ahead for the row itself.
const (
	mostOthers = 0.04 // Of the time of all processors: other programs, in user mode.
	mostKernel = 0.40 // The same in the kernel, for whomever.
	mostSteal  = 0.01 // The same, taken away by the hypervisor.
	// How many times as long as at their best the calibrating loops may take.
	mostCompute = 1.08
	mostMemory  = 1.35
	// The kernel counts time by the tick: fewer ticks than this say nothing.
	fewTicks = 4
)

// A Condition is the state of the machine while something was measured.
type Condition struct {
	Load    float64 `json:"load"`    // The average of the last minute, at the end. The benchmark itself is in it.
	Others  float64 `json:"others"`  // The share of all processors' time that other programs took.
	Kernel  float64 `json:"kernel"`  // That the kernel took and that can't be told to be for this program.
	Steal   float64 `json:"steal"`   // That the hypervisor took away.
	Compute float64 `json:"compute"` // How long the calibrating loops took, as a multiple of their best.
	Memory  float64 `json:"memory"`

	ticks float64 // Of all processors, while it lasted.
}

// Busy returns why figures that were measured in this condition are not to be kept; "" if they are.
func (c Condition) Busy() string {
	var reasons []string
	share := func(value, most float64, what string) {
		if value > most && value*c.ticks >= fewTicks {
			reasons = append(reasons, fmt.Sprintf("%s %.0f %% of all processors' time", what, 100*value))
		}
	}
	share(c.Others, mostOthers, "other programs took")
	share(c.Kernel, mostKernel, "the kernel took")
	share(c.Steal, mostSteal, "the hypervisor took away")
	slow := func(value, most float64, what string) {
		if value > most {
			reasons = append(reasons, fmt.Sprintf("a loop that only %s took %.2f times its best", what, value))
		}
	}
	slow(c.Compute, mostCompute, "computes")
	slow(c.Memory, mostMemory, "copies memory")
	return strings.Join(reasons, "; ")
}

// A Watch looks at the machine before and after each row.
type Watch struct {
	peers        []int // Processes that work for the benchmark.
	before       moment
	compute      float64 // The loops before the row.
	memory       float64
	best         struct{ compute, memory float64 }
	ours, theirs []byte // What the loop of memory copies.
}

// NewWatch returns a Watch that has calibrated its loops.
func NewWatch() *Watch {
	const size = 4 << 20 // More than a processor's own caches hold.
	w := &Watch{ours: bytes.Repeat([]byte{1}, size), theirs: bytes.Repeat([]byte{2}, size)}
	Pin(0)
	defer Unpin()
	w.calibrate()
	return w
}

// Peer adds a process whose time is the benchmark's own.
func (w *Watch) Peer(pid int) { w.peers = append(w.peers, pid) }

func (w *Watch) begin() {
	w.compute, w.memory = w.calibrate()
	w.before = w.now()
}

func (w *Watch) end() Condition {
	c := between(w.before, w.now())
	compute, memory := w.calibrate()
	c.Compute = max(compute, w.compute) / w.best.compute
	c.Memory = max(memory, w.memory) / w.best.memory
	c.Load = Load()
	return c
}

// Idle watches the machine for that long while the benchmark does nothing.
func (w *Watch) Idle(long time.Duration) Condition {
	w.begin()
	time.Sleep(long)
	return w.end()
}

// calibrate times two loops, and remembers their best.
func (w *Watch) calibrate() (compute, memory float64) {
	compute = median(9, func() {
		x := uint64(88172645463325252)
		for range 200_000 { // Each step waits for the one before.
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		w.ours[0] = byte(x)
	})
	memory = median(9, func() { copy(w.theirs, w.ours) })
	least := func(best *float64, value float64) {
		if *best == 0 || value < *best {
			*best = value
		}
	}
	least(&w.best.compute, compute)
	least(&w.best.memory, memory)
	return compute, memory
}

func median(rounds int, work func()) float64 {
	var all []float64
	for range rounds {
		begun := time.Now()
		work()
		all = append(all, float64(time.Since(begun)))
	}
	slices.Sort(all)
	return all[rounds/2]
}

// A moment is what was used until then: the whole machine in ticks of 10 ms, and the benchmark with its peers in the
// same.
type moment struct {
	user, kernel, steal, total float64
	ownUser, ownKernel         float64
}

func (w *Watch) now() moment {
	text, _ := os.ReadFile("/proc/stat")
	m, err := parseStat(string(text))
	if err != nil {
		return moment{}
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if unix.Getrusage(who, &usage) == nil {
			m.ownUser += ticks(usage.Utime)
			m.ownKernel += ticks(usage.Stime)
		}
	}
	for _, pid := range w.peers {
		user, kernel := ticksOf(pid)
		m.ownUser += user
		m.ownKernel += kernel
	}
	return m
}

func ticks(t unix.Timeval) float64 { return float64(t.Nano()) / 1e7 }

// parseStat reads the line of all processors.
func parseStat(text string) (moment, error) {
	var user, nice, system, idle, iowait, irq, softirq, steal float64
	_, err := fmt.Sscanf(text, "cpu %f %f %f %f %f %f %f %f", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal)
	if err != nil {
		return moment{}, errors.New("/proc/stat has another form")
	}
	kernel := system + irq + softirq
	return moment{
		user: user + nice, kernel: kernel, steal: steal, total: user + nice + kernel + idle + iowait + steal,
	}, nil
}

// ticksOf is what another process has used.
func ticksOf(pid int) (user, kernel float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The name, in parentheses, may have spaces in it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, 0
	}
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &kernel)
	return user, kernel
}

// between returns what others had of the time between two moments.
func between(before, after moment) Condition {
	total := after.total - before.total
	if total <= 0 {
		return Condition{}
	}
	share := func(all, own float64) float64 { return max(0, all-own) / total }
	return Condition{
		Others: share(after.user-before.user, after.ownUser-before.ownUser),
		Kernel: share(after.kernel-before.kernel, after.ownKernel-before.ownKernel),
		Steal:  share(after.steal-before.steal, 0),
		ticks:  total,
	}
}

// Load returns the average of the last minute.
func Load() (average float64) {
	text, _ := os.ReadFile("/proc/loadavg")
	fmt.Sscan(string(text), &average)
	return average
}
