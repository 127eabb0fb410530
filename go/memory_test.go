package memmap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// mapFile maps the file at path by an open file that is closed again, until the test ends.
func mapFile(t testing.TB, path string, options *Options) []byte {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	succeeds(t, "OpenFile", err)
	defer file.Close()
	data, err := MapFile(file, options)
	succeeds(t, "MapFile", err)
	t.Cleanup(func() { UnmapMemory(data) })
	return data
}

func TestAFileIsMappedAsASliceInAnyPart(t *testing.T) {
	path := newFile(t, strings.Repeat("0123456789", int(page)))
	for _, o := range []Options{{}, {Offset: 7}, {Offset: page + 3, Length: 2 * page}, {Offset: page, Length: 1}} {
		data := mapFile(t, path, &o)
		want := contents(t, path)[o.Offset:]
		if o.Length != 0 {
			want = want[:o.Length]
		}
		if string(data) != want {
			t.Errorf("%+v: something else", o)
		}
		succeeds(t, "UnmapMemory", UnmapMemory(data))
		wants(t, "twice", UnmapMemory(data), ErrClosed)
	}
}

func TestWhatIsWrittenToASliceIsFlushedAndLockedFromAnyByteOn(t *testing.T) {
	path := newFile(t, zeros(int(3*page)))
	data := mapFile(t, path, writable)
	copy(data[page+7:], "Hello")
	succeeds(t, "a part", FlushMemory(data[page+7:page+12]))
	succeeds(t, "lock", LockMemory(data[1:2]))
	succeeds(t, "unlock", UnlockMemory(data[1:2]))
	succeeds(t, "write", WriteToMmap(data[:5], []byte("there")))
	if text := contents(t, path); text[:5] != "there" || text[page+7:page+12] != "Hello" {
		t.Error("the file holds something else")
	}
	wants(t, "read-only", FlushMemory(mapFile(t, path, &Options{Access: CopyOnWrite})), ErrAccess)
}

func TestMemoryWithoutAFileIsASliceToo(t *testing.T) {
	data, err := MapAnonymous(page+1, nil)
	succeeds(t, "MapAnonymous", err)
	data[page] = 'x'
	wants(t, "flush", FlushMemory(data), ErrUnsupported)
	succeeds(t, "protect", ProtectMemory(data[5:], ReadOnly))
	wants(t, "write", WriteToMmap(data, []byte("y")), ErrAccess)
	succeeds(t, "unmap", UnmapMemory(data))
}

func TestNothingIsDoneToASliceThatIsNoMapping(t *testing.T) {
	gone := mapFile(t, newFile(t, "gone"), nil)
	UnmapMemory(gone)
	for what, data := range map[string][]byte{"nil": nil, "Go's": make([]byte, page), "unmapped": gone} {
		for _, err := range []error{
			FlushMemory(data), LockMemory(data), UnlockMemory(data), ProtectMemory(data, ReadOnly), FaultOf(data), UnmapMemory(data),
		} {
			wants(t, what, err, ErrClosed)
			wants(t, what, err, ErrInvalid)
		}
	}
}

func TestWhatCannotBeMappedAsASliceIsAnErrorAndNoMapping(t *testing.T) {
	path := newFile(t, "four")
	file, err := os.Open(path)
	succeeds(t, "Open", err)
	closed, err := os.Open(path)
	succeeds(t, "Open", err)
	closed.Close()
	defer file.Close()
	before, _ := GetStats()
	for what, c := range map[string]struct {
		file    *os.File
		options *Options
		want    error
	}{
		"nil":                    {nil, nil, ErrInvalid},
		"closed":                 {closed, nil, fs.ErrClosed},
		"a capacity":             {file, &Options{Capacity: page}, ErrInvalid},
		"read-only":              {file, writable, syscall.EACCES},
		"behind the end":         {file, &Options{Offset: 5}, ErrRange},
		"too long":               {file, &Options{Length: 1 << 62}, syscall.ENOMEM},
		"read-only past the end": {file, &Options{Access: ReadWrite, Length: page}, syscall.EACCES},
	} {
		_, err := MapFile(c.file, c.options)
		wants(t, what, err, c.want)
	}
	for _, size := range []int64{-1, 1 << 62} {
		if _, err := MapAnonymous(size, nil); !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrLimit) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if after, _ := GetStats(); after.Mappings != before.Mappings {
		t.Errorf("%d mappings are left", after.Mappings-before.Mappings)
	}
}

func TestALossInASliceIsToldAndSurvived(t *testing.T) {
	survives(t, func(t *testing.T) {
		path := newFile(t, strings.Repeat("x", int(4*page)))
		for _, options := range []*Options{nil, {Access: CopyOnWrite}, {Offset: 1, Length: 4*page - 1}} {
			setSize(t, path, 4*page)
			data := mapFile(t, path, options)
			succeeds(t, "nothing is lost", FaultOf(data))
			setSize(t, path, 0)
			if data[2*page] != 0 {
				t.Error("something else than zeros")
			}
			wants(t, "FaultOf a part", FaultOf(data[:1]), ErrFault)
			var lost *FaultError
			if err := FaultOf(data); !errors.As(err, &lost) || lost.Length < 1 {
				t.Errorf("%v", err)
			}
			succeeds(t, "UnmapMemory", UnmapMemory(data))
		}
	})
}

// What lies past the end of the file is its own when it has grown, as for everyone who calls mmap(2).
func TestASliceMayReachPastTheEndOfAFileThatGrowsLater(t *testing.T) {
	survives(t, func(t *testing.T) {
		path := newFile(t, "short")
		before, _ := GetStats()
		for _, offset := range []int64{0, 3, page + 5} {
			data := mapFile(t, path, &Options{Access: ReadWrite, Offset: offset, Length: 3 * page})
			setSize(t, path, offset+3*page)
			copy(data[2*page:], "later")
			succeeds(t, "FlushMemory", FlushMemory(data))
			succeeds(t, "WriteToMmap", WriteToMmap(data[3*page-3:], []byte("end")))
			text := contents(t, path)[offset+2*page:]
			if text[:5] != "later" || text[page-3:] != "end" {
				t.Errorf("the file holds %q and %q", text[:5], text[page-3:])
			}
			succeeds(t, "UnmapMemory", UnmapMemory(data))
			wants(t, "twice", UnmapMemory(data), ErrClosed)
			setSize(t, path, 5)
		}
		for _, offset := range []int64{0, 3, page - 1} {
			data := mapFile(t, path, &Options{Offset: offset, Length: 3 * page})
			load(&data[2*page])
			var lost *FaultError
			if errors.As(FaultOf(data), &lost); lost == nil || lost.Offset < 0 || lost.Offset > 2*page ||
				(lost.Offset+offset)%page != 0 || lost.Offset+lost.Length <= 2*page || lost.Offset+lost.Length > 3*page {
				t.Errorf("from %d on: %v", offset, lost)
			}
			wants(t, "FlushMemory", FlushMemory(data), ErrFault)
			succeeds(t, "UnmapMemory", UnmapMemory(data))
		}
		data := mapFile(t, path, &Options{Access: ReadWrite, Length: 3 * page})
		data[2*page] = 'y'
		wants(t, "touched too early", FlushMemory(data), ErrFault)
		succeeds(t, "UnmapMemory", UnmapMemory(data))
		if after, _ := GetStats(); after.Mappings != before.Mappings {
			t.Errorf("%d mappings are left", after.Mappings-before.Mappings)
		}
	})
}

// What the options say of the pages is so past the end of the file too.
func TestASlicePastTheEndOfAFileHasWhatTheOptionsAskFor(t *testing.T) {
	path := newFile(t, zeros(int(2*page)))
	for _, offset := range []int64{0, 3, page + 5, 9 * page} {
		for _, c := range []struct {
			options Options
			flag    string
		}{
			{Options{Flags: NoDump}, "dd"},
			{Options{Flags: NoReserve}, "nr"},
			{Options{Flags: Locked}, "lo"},
			{Options{Flags: Locked | Overcommit}, "lo"},
			{Options{Advice: AdviceRandom}, "rr"},
			{Options{Advice: AdviceSequential, Flags: NoDump | Prefault | Sparse}, "sr dd"},
			{Options{Flags: HugePages}, "rd"},
		} {
			for _, access := range []Access{ReadOnly, ReadWrite, CopyOnWrite} {
				o := c.options
				o.Access, o.Offset, o.Length = access, offset, 4*page
				data := mapFile(t, path, &o)
				flags := smaps(t, address(data), "VmFlags")
				for flag := range strings.FieldsSeq(c.flag) {
					if !strings.Contains(" "+flags+" ", " "+flag+" ") {
						t.Errorf("%+v: %s, wanted %s", o, flags, flag)
					}
				}
				succeeds(t, "UnmapMemory", UnmapMemory(data))
			}
		}
	}
}

// Brought in are the pages that the file has; touching the others would be a loss.
func TestPrefaultBringsInWhatTheFileHas(t *testing.T) {
	path := newFile(t, zeros(int(2*page)))
	for _, flags := range []Flags{0, Prefault, Prefault | Overcommit, Locked} {
		data := mapFile(t, path, &Options{Offset: 3, Length: 4 * page, Flags: flags})
		want := fmt.Sprint(2*page>>10, " kB")
		if flags == 0 {
			want = "0 kB"
		}
		if rss := smaps(t, address(data), "Rss"); rss != want {
			t.Errorf("%#x: %s, wanted %s", flags, rss, want)
		}
		succeeds(t, "FaultOf", FaultOf(data))
		succeeds(t, "UnmapMemory", UnmapMemory(data))
	}
}

func TestWhatCannotBeHadPastTheEndIsAnErrorAndNoMapping(t *testing.T) {
	path := newFile(t, "four")
	file, err := os.Open(path)
	succeeds(t, "Open", err)
	defer file.Close()
	areas := mappings(t, path)
	before, _ := GetStats()
	for want, o := range map[error]Options{
		ErrInvalid:     {Advice: 1000},
		ErrUnsealed:    {Flags: Sealed},
		ErrUnsupported: {Advice: AdviceWipeOnFork},
		syscall.EACCES: {Access: ReadWrite},
	} {
		o.Length = 2 * page
		_, err := MapFile(file, &o)
		wants(t, "MapFile", err, want)
	}
	if after, _ := GetStats(); after.Mappings != before.Mappings || mappings(t, path) != areas {
		t.Errorf("%d mappings are left", after.Mappings-before.Mappings)
	}
}

// As with msync(2): nobody here could have written anything. A store that was opened for reading closes so.
func TestAReadOnlySliceHasNothingToMakeDurable(t *testing.T) {
	path := newFile(t, strings.Repeat("x", int(2*page)))
	for _, o := range []Options{{}, {Offset: 7}, {Length: 5 * page}, {Offset: 7, Length: 1}} {
		data := mapFile(t, path, &o)
		succeeds(t, "all", FlushMemory(data))
		succeeds(t, "a part", FlushMemory(data[:1]))
		succeeds(t, "nothing", FlushMemory(data[:0]))
	}
	m := open(t, path, &Options{Flags: NoDescriptor})
	succeeds(t, "Flush", m.Flush())
	for _, mode := range []FlushMode{FlushSync, FlushAsync, FlushInvalidate} {
		succeeds(t, "FlushWith", m.FlushWith(1, 1, mode))
	}
	survives(t, func(t *testing.T) {
		data := mapFile(t, path, nil)
		setSize(t, path, page)
		load(&data[page])
		wants(t, "lost", FlushMemory(data), ErrFault)
	})
}
