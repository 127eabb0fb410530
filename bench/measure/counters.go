package measure

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Counts are what one operation takes besides time. Instructions and Cycles are the thread's own in user mode, and 0
// where they can't be counted.
type Counts struct {
	Allocations, Instructions, Cycles float64
}

// counts adds up while the clock of a B runs.
type counts struct {
	allocations, before uint64
	instructions        *counter
	cycles              *counter
}

func newCounts() *counts {
	c := &counts{}
	c.instructions, _ = newCounter(unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS)
	c.cycles, _ = newCounter(unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_CPU_CYCLES)
	return c
}

func (c *counts) begin() {
	if c == nil {
		return
	}
	c.before = allocated()
	c.instructions.control(unix.PERF_EVENT_IOC_ENABLE)
	c.cycles.control(unix.PERF_EVENT_IOC_ENABLE)
}

func (c *counts) end() {
	if c == nil {
		return
	}
	c.cycles.control(unix.PERF_EVENT_IOC_DISABLE)
	c.instructions.control(unix.PERF_EVENT_IOC_DISABLE)
	c.allocations += allocated() - c.before
}

// of returns the counts of one of n operations, and gives the counters back.
func (c *counts) of(n int) Counts {
	return Counts{
		// As testing has it: what happens once in a whole measurement is not counted.
		Allocations:  float64(c.allocations / uint64(n)),
		Instructions: c.instructions.finish() / float64(n),
		Cycles:       c.cycles.finish() / float64(n),
	}
}

// A counter counts an event of the calling thread; a nil one counts nothing.
type counter struct{ fd int }

func newCounter(kind uint32, event uint64) (*counter, error) {
	attributes := unix.PerfEventAttr{
		Type: kind, Config: event, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Bits: unix.PerfBitDisabled | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
	}
	fd, err := unix.PerfEventOpen(&attributes, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("perf_event_open", err)
	}
	return &counter{fd}, nil
}

func (c *counter) control(request uint) {
	if c != nil {
		_ = unix.IoctlSetInt(c.fd, request, 0)
	}
}

// finish returns the count, and closes the counter.
func (c *counter) finish() float64 {
	if c == nil {
		return 0
	}
	defer unix.Close(c.fd)
	var value [8]byte
	if n, err := unix.Read(c.fd, value[:]); n != len(value) || err != nil {
		return 0
	}
	return float64(binary.NativeEndian.Uint64(value[:]))
}

// NoCounters is why instructions and cycles can't be counted on this machine; "" if they can.
var NoCounters = sync.OnceValue(func() string {
	c, err := newCounter(unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS)
	if err != nil {
		return fmt.Sprint(err)
	}
	c.finish()
	return ""
})
