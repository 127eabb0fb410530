package memmap

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

// vmFlags is what the kernel says of the mapping's memory, such as "rd wr sh".
func vmFlags(t testing.TB, m *Map) string { t.Helper(); return smaps(t, uintptr(m.data), "VmFlags") }

// smaps is what the kernel says under a name of the area that begins with the page of an address.
func smaps(t testing.TB, address uintptr, name string) string {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	succeeds(t, "smaps", err)
	page := uintptr(os.Getpagesize())
	_, rest, found := bytes.Cut(smaps, fmt.Appendf(nil, "\n%x-", address/page*page))
	if !found {
		t.Fatal("the mapping begins inside of another one")
	}
	_, rest, _ = bytes.Cut(rest, []byte("\n"+name+": "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return strings.TrimSpace(string(line))
}

func hasFlag(t testing.TB, m *Map, flag string, want bool) {
	t.Helper()
	if flags := vmFlags(t, m); strings.Contains(flags+" ", flag+" ") != want {
		t.Errorf("flag %s, wanted %v: %s", flag, want, flags)
	}
}

func resident(t testing.TB, m *Map, offset, length, want int64) {
	t.Helper()
	if n, err := m.Resident(offset, length); n != want || err != nil {
		t.Errorf("%d bytes at %d: %d pages are resident, wanted %d; %v", length, offset, n, want, err)
	}
}

func TestEveryAdviceOfTheHeaderIsHere(t *testing.T) {
	header, err := os.ReadFile("../include/memmap.h")
	succeeds(t, "the header", err)
	text, err := os.ReadFile("paging.go")
	succeeds(t, "paging.go", err)
	names := regexp.MustCompile(`(?m)^    MEMMAP_(?:ADVICE|PREFAULT)_\w+`).FindAllString(string(header), -1)
	if len(names) == 0 {
		t.Error("the header has none")
	}
	for _, name := range names {
		if !strings.Contains(string(text), " = C."+strings.TrimSpace(name)+"\n") {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestAdviceReachesTheKernel(t *testing.T) {
	m := open(t, newFile(t, zeros(int(4*page))), writable)
	for _, c := range []struct {
		advice    Advice
		flag      string
		afterward bool
	}{{AdviceRandom, "rr", true}, {AdviceSequential, "sr", true}, {AdviceNormal, "sr", false},
		{AdviceDontFork, "dc", true}, {AdviceDontDump, "dd", true}} {
		succeeds(t, "Advise", m.Advise(0, ToEnd, c.advice))
		hasFlag(t, m, c.flag, c.afterward)
	}
	for _, advice := range []Advice{AdviceWillNeed, AdviceDontNeed, AdviceCold, AdvicePageOut} {
		succeeds(t, "Advise", m.Advise(0, ToEnd, advice))
		succeeds(t, "Advise of a part", m.Advise(page+1, 1, advice))
	}
	wants(t, "unknown advice", m.Advise(0, 1, 1000), ErrInvalid)
	wants(t, "shared memory", m.Advise(0, 1, AdviceWipeOnFork), ErrUnsupported)
	holdsText(t, m, zeros(int(4*page)))

	private := anonymous(t, 4*page, nil)
	for advice, flag := range map[Advice]string{AdviceHugePage: "hg", AdviceNoHugePage: "nh", AdviceWipeOnFork: "wf"} {
		succeeds(t, "Advise", private.Advise(0, ToEnd, advice))
		hasFlag(t, private, flag, true)
	}
}

func TestAdviceThrowsNoPrivateBytesAway(t *testing.T) {
	path := newFile(t, strings.Repeat("x", int(page)))
	for _, m := range []*Map{anonymous(t, page, nil), open(t, path, &Options{Access: CopyOnWrite})} {
		succeeds(t, "Fill", m.Fill(0, ToEnd, 'y'))
		wants(t, "AdviceDontNeed", m.Advise(0, ToEnd, AdviceDontNeed), ErrAccess)
		holdsText(t, m, strings.Repeat("y", int(page)))
	}
}

func TestPrefaultBringsThePagesOfItsRangeIn(t *testing.T) {
	m := anonymous(t, 4*page, nil)
	resident(t, m, 0, ToEnd, 0)
	succeeds(t, "Prefault", m.Prefault(2*page-1, 2, PrefaultWrite))
	resident(t, m, 0, ToEnd, 2)
	pages, err := m.Residency(page/2, 3*page)
	if err != nil || fmt.Sprint(pages) != "[false true true false]" {
		t.Error(pages, err)
	}
	pages, err = m.Residency(page, page)
	if err != nil || fmt.Sprint(pages) != "[true]" {
		t.Error(pages, err)
	}
	for _, offset := range []int64{page, 4 * page} {
		if pages, err := m.Residency(offset, 0); len(pages) != 0 || err != nil {
			t.Error(pages, err)
		}
	}
	succeeds(t, "Prefault", m.Prefault(0, ToEnd, PrefaultRead))
	resident(t, m, 0, ToEnd, 4)
	resident(t, m, 1, page, 2)
	wants(t, "unknown mode", m.Prefault(0, 1, 7), ErrInvalid)
}

func TestPrefaultForWritingNeedsAccess(t *testing.T) {
	path := newFile(t, "Hello")
	wants(t, "read-only", open(t, path, nil).Prefault(0, ToEnd, PrefaultWrite), ErrAccess)
	m := open(t, path, writable)
	succeeds(t, "read-write", m.Prefault(0, ToEnd, PrefaultWrite))
	holdsText(t, m, "Hello")
}

func TestAWindowInsideItsFirstPageHasItsResidencyToo(t *testing.T) {
	m := open(t, newFile(t, zeros(int(4*page))), &Options{Offset: page - 10, Length: 20})
	pages, err := m.Residency(0, ToEnd)
	if len(pages) != 2 || err != nil {
		t.Error(pages, err)
	}
	pages, err = m.Residency(10, ToEnd)
	if len(pages) != 1 || err != nil {
		t.Error(pages, err)
	}
}

func TestWhatIsPagedOutIsNotResident(t *testing.T) {
	m := open(t, newFile(t, strings.Repeat("x", int(4*page))), writable)
	succeeds(t, "Flush", m.Flush())
	succeeds(t, "Prefault", m.Prefault(0, ToEnd, PrefaultRead))
	resident(t, m, 0, ToEnd, 4)
	succeeds(t, "Advise", m.Advise(0, ToEnd, AdvicePageOut))
	if n, err := m.Resident(0, ToEnd); n == 4 && err == nil {
		programtest.Skip(t, "the folder is in memory, which nothing is paged out of")
	}
	resident(t, m, 0, ToEnd, 0)
	holdsText(t, m, strings.Repeat("x", int(4*page)))
}

func TestLockedMemoryIsLockedUntilItIsUnlocked(t *testing.T) {
	m := open(t, newFile(t, zeros(int(4*page))), nil)
	succeeds(t, "LockMemory", m.LockMemory(0, ToEnd))
	hasFlag(t, m, "lo", true)
	succeeds(t, "UnlockMemory", m.UnlockMemory(0, ToEnd))
	hasFlag(t, m, "lo", false)
	succeeds(t, "nothing", m.LockMemory(4*page, 0))
}

func TestProtectTakesWritingAwayAndGivesItBack(t *testing.T) {
	m := open(t, newFile(t, "Hello"), writable)
	succeeds(t, "Protect", m.Protect(ReadOnly))
	hasFlag(t, m, "wr", false)
	_, err := m.WriteAt([]byte("J"), 0)
	wants(t, "WriteAt", err, ErrAccess)
	wants(t, "Fill", m.Fill(0, 1, 'J'), ErrAccess)
	wants(t, "Resize", m.Resize(1), ErrAccess)
	info, err := m.Info()
	if info.Access != ReadOnly || err != nil {
		t.Error(info.Access, err)
	}
	wants(t, "another access", m.Protect(CopyOnWrite), ErrAccess)
	wants(t, "unknown access", m.Protect(4), ErrInvalid)
	for _, back := range []Access{0, ReadWrite} {
		succeeds(t, "Protect", m.Protect(ReadOnly))
		succeeds(t, "back", m.Protect(back))
		_, err = m.WriteAt([]byte("J"), 0)
		succeeds(t, "WriteAt", err)
	}
	succeeds(t, "View", m.View(func([]byte) error {
		wants(t, "viewed", m.Protect(ReadOnly), ErrBusy)
		return nil
	}))
	wants(t, "opened read-only", open(t, newFile(t, "Hello"), nil).Protect(ReadWrite), ErrAccess)
}

func TestPagingStaysInside(t *testing.T) {
	m := anonymous(t, 2*page, nil)
	for _, r := range [][2]int64{{-1, 1}, {0, 2*page + 1}, {2*page + 1, 0}, {2*page + 1, ToEnd}, {1, math.MaxInt64},
		{0, -2}, {-1, ToEnd}, {math.MaxInt64, math.MaxInt64}} {
		_, residency := m.Residency(r[0], r[1])
		_, resident := m.Resident(r[0], r[1])
		for what, err := range map[string]error{
			"Advise": m.Advise(r[0], r[1], AdviceNormal), "Prefault": m.Prefault(r[0], r[1], PrefaultRead),
			"LockMemory": m.LockMemory(r[0], r[1]), "UnlockMemory": m.UnlockMemory(r[0], r[1]),
			"Residency": residency, "Resident": resident,
		} {
			wants(t, fmt.Sprint(what, r), err, ErrRange)
		}
	}
}

func TestFlagsAndAdviceAtOpeningAreHeeded(t *testing.T) {
	path := newFile(t, zeros(int(4*page)))
	for flags, flag := range map[Flags]string{NoReserve: "nr", NoDump: "dd", Locked: "lo"} {
		hasFlag(t, open(t, path, &Options{Flags: flags}), flag, true)
	}
	hasFlag(t, open(t, path, &Options{Advice: AdviceRandom}), "rr", true)
	_, err := Open(path, &Options{Advice: 1000})
	wants(t, "unknown advice", err, ErrInvalid)
	huge := anonymous(t, 4<<20, &Options{Flags: HugePages})
	hasFlag(t, huge, "hg", true)
	resident(t, huge, 0, ToEnd, 0)
	resident(t, anonymous(t, 4*page, &Options{Flags: Prefault}), 0, ToEnd, 4)
}

func TestMemoryThatIsNotThereIsRefused(t *testing.T) {
	_, err := Anonymous(1<<42, &Options{Flags: Prefault})
	wants(t, "4 TiB", err, ErrLimit)
	m := anonymous(t, 1<<42, &Options{Flags: Overcommit})
	if m.Len() != 1<<42 {
		t.Errorf("%d bytes", m.Len())
	}
	var before syscall.Rlimit
	const rlimitMemlock = 8
	succeeds(t, "Getrlimit", syscall.Getrlimit(rlimitMemlock, &before))
	if os.Getuid() == 0 || before.Max > 1<<41 {
		programtest.Skip(t, "the limit of locked memory: this process has none")
	}
	wants(t, "LockMemory", m.LockMemory(0, ToEnd), ErrLimit)
}

// Who reads each piece's first byte first is what the kernel takes for reading in order. Counted are page faults, which
// bring in and map as much as it thinks right.
func TestReadAtGoesThroughAColdFileInOrder(t *testing.T) {
	path := newFile(t, strings.Repeat("0123456789abcdef", coldSize/16))
	inOrder := scan(t, path, func(m *Map, p []byte, at int64) (int, error) {
		if _, err := m.At(at); err != nil {
			return 0, err
		}
		return m.ReadAt(p, at)
	})
	for name, read := range map[string]func(*Map, []byte, int64) (int, error){
		"Map":    (*Map).ReadAt,
		"Reader": func(m *Map, p []byte, at int64) (int, error) { return (&Reader{m}).ReadAt(p, at) },
	} {
		if faults := scan(t, path, read); faults > inOrder*3/2 {
			t.Errorf("%s: %d page faults, %d in order", name, faults, inOrder)
		}
	}
}

const coldSize = 128 << 20

// scan reads a file that is not in memory, and is how many page faults that takes.
func scan(t *testing.T, path string, read func(*Map, []byte, int64) (int, error)) int64 {
	evict(t, path)
	m := open(t, path, &Options{Advice: AdviceSequential})
	defer m.Close() // What is mapped is not evicted.
	if resident, err := m.Resident(0, ToEnd); err != nil || resident > 0 {
		programtest.Skip(t, "%d pages stay in memory here (%v)", resident, err)
	}
	p := make([]byte, 64<<10)
	before := faults(t)
	for at := int64(0); at < coldSize; at += int64(len(p)) {
		if _, err := read(m, p, at); err != nil {
			t.Fatal(err)
		}
	}
	return faults(t) - before
}

func evict(t testing.TB, path string) {
	file, err := os.Open(path)
	succeeds(t, "opening", err)
	defer file.Close()
	succeeds(t, "Sync", file.Sync())
	const dontNeed = 4 // POSIX_FADV_DONTNEED of every Linux but s390.
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
		programtest.Skip(t, "fadvise64: %v", errno)
	}
}

func faults(t testing.TB) int64 {
	var usage syscall.Rusage
	succeeds(t, "getrusage", syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Minflt + usage.Majflt
}
