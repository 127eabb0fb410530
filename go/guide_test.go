package memmap

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"unsafe"
)

func basic(t *testing.T, path string) []byte {
	t.Helper()
	data, err := BasicMmap(path)
	succeeds(t, "BasicMmap", err)
	t.Cleanup(func() { UnmapMemory(data) })
	return data
}

func TestAMappedFileIsSharedWithTheFile(t *testing.T) {
	path := newFile(t, "Hello")
	data := basic(t, path)
	if string(data) != "Hello" || cap(data) != 5 {
		t.Errorf("%q of %d bytes", data, cap(data))
	}
	data[0] = 'J'
	if text := contents(t, path); text != "Jello" {
		t.Errorf("the file holds %q", text)
	}
	succeeds(t, "UnmapMemory", UnmapMemory(data))
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

func TestTheGuidesSlicesKeepNoDescriptor(t *testing.T) {
	path := newFile(t, "Hello")
	basic(t, path)
	descriptors, err := filepath.Glob("/proc/self/fd/*")
	succeeds(t, "Glob", err)
	for _, d := range descriptors {
		if name, _ := os.Readlink(d); name == path {
			t.Errorf("%s is open", d)
		}
	}
}

func TestACreatedMmapFileHasTheGuidesMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	data, err := CreateMmapFile(path, 100)
	succeeds(t, "CreateMmapFile", err)
	defer UnmapMemory(data)
	status, err := os.Stat(path)
	succeeds(t, "Stat", err)
	if status.Mode()&^0o644 != 0 || status.Mode()&0o600 != 0o600 || status.Size() != 100 || string(data) != zeros(100) {
		t.Errorf("%v, %d bytes, %d mapped", status.Mode(), status.Size(), len(data))
	}
}

func TestWhatTheGuidesFunctionsCannotMapSaysWhy(t *testing.T) {
	folder := t.TempDir()
	missing := filepath.Join(folder, "missing")
	_, err := BasicMmap(missing)
	wants(t, "missing", err, fs.ErrNotExist)
	_, err = BasicMmap(missing + "\x00")
	wants(t, "NUL", err, ErrInvalid)
	_, err = BasicMmap(folder)
	wants(t, "folder", err, ErrNotRegular)
	_, err = CreateMmapFile(missing+"\x00", 1)
	wants(t, "NUL", err, ErrInvalid)
	for size, want := range map[int64]error{-1: ErrInvalid, math.MinInt64: ErrInvalid, math.MaxInt64: ErrLimit} {
		_, err = CreateMmapFile(missing, size)
		wants(t, "size", err, want)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a failed CreateMmapFile left a file")
	}
}

func TestEmptyFilesMapWriteNothingAndUnmap(t *testing.T) {
	first, second := basic(t, newFile(t, "")), basic(t, newFile(t, ""))
	for _, data := range [][]byte{first, second} {
		if data == nil || len(data) != 0 || cap(data) != 0 {
			t.Errorf("%v of %d", data, cap(data))
		}
		succeeds(t, "writing nothing", WriteToMmap(data, nil))
		wants(t, "writing something", WriteToMmap(data, []byte("x")), ErrRange)
		succeeds(t, "UnmapMemory", UnmapMemory(data))
		wants(t, "twice", UnmapMemory(data), ErrClosed, ErrInvalid)
	}
}

func TestWritingReachesTheFileAtTheSlicesPlace(t *testing.T) {
	path := newFile(t, zeros(10_000))
	data := basic(t, path)
	succeeds(t, "at the start", WriteToMmap(data, []byte("one")))
	succeeds(t, "in the middle", WriteToMmap(data[5000:], []byte("two")))
	succeeds(t, "clipped", WriteToMmap(data[6000:6005:6005], []byte("three")))
	succeeds(t, "clipped, from a clipped one", WriteToMmap(data[:7000:8000][6990:6994:6995], []byte("four")))
	succeeds(t, "at the end", WriteToMmap(data[9996:], []byte("five")))
	succeeds(t, "nothing", errors.Join(WriteToMmap(data[10_000:], nil), WriteToMmap(data[5:5:5], []byte{})))
	text := contents(t, path)
	for at, want := range map[int]string{0: "one", 5000: "two", 6000: "three", 6990: "four", 9996: "five"} {
		if text[at:at+len(want)] != want {
			t.Errorf("at %d the file holds %q", at, text[at:at+len(want)])
		}
	}
}

func TestContentMayOverlapTheMapping(t *testing.T) {
	path := newFile(t, "0123456789")
	data := basic(t, path)
	succeeds(t, "WriteToMmap", WriteToMmap(data[2:], data[:8]))
	if text := contents(t, path); text != "0101234567" {
		t.Errorf("the file holds %q", text)
	}
}

func TestContentMayLieBesidePointers(t *testing.T) {
	data := basic(t, newFile(t, "0123456789"))
	record := &struct {
		pointer *int
		text    [5]byte
	}{new(int), [5]byte([]byte("Hello"))}
	succeeds(t, "WriteToMmap", WriteToMmap(data, record.text[:]))
}

func TestTooMuchContentWritesNothing(t *testing.T) {
	path := newFile(t, "0123456789")
	data := basic(t, path)
	for _, part := range [][]byte{data, data[5:], data[2:4], data[10:]} {
		wants(t, "WriteToMmap", WriteToMmap(part, make([]byte, len(part)+1)), ErrRange)
	}
	if text := contents(t, path); text != "0123456789" {
		t.Errorf("the file holds %q", text)
	}
}

func TestSlicesThatAreNoLiveMappingAreRefused(t *testing.T) {
	m := open(t, newFile(t, "Hello"), writable)
	gone := basic(t, newFile(t, "Hello"))
	kept := basic(t, newFile(t, zeros(4000)))
	succeeds(t, "UnmapMemory", UnmapMemory(gone))
	beyond := unsafe.Slice(unsafe.SliceData(kept), 4001)
	for what, data := range map[string][]byte{
		"nil": nil, "empty": {}, "Go's own": make([]byte, 100), "another Map's": m.Bytes(), "unmapped": gone,
		"part of an unmapped one": gone[1:3:4], "longer than the mapping": beyond, "behind the mapping": beyond[4000:],
	} {
		wants(t, what, WriteToMmap(data, nil), ErrClosed, ErrInvalid, fs.ErrClosed, fs.ErrInvalid)
		wants(t, what, WriteToMmap(data, make([]byte, 200)), ErrClosed, ErrInvalid)
		wants(t, what, UnmapMemory(data), ErrClosed, ErrInvalid)
	}
}

func TestUnmappingTakesTheWholeSlice(t *testing.T) {
	path := newFile(t, "0123456789")
	data := basic(t, path)
	for _, part := range [][]byte{data[1:], data[:9], data[:0], data[3:3], data[2:4:4], data[10:]} {
		err := UnmapMemory(part)
		wants(t, "part", err, ErrInvalid)
		if errors.Is(err, ErrClosed) {
			t.Errorf("the mapping is live: %v", err)
		}
	}
	if string(data) != "0123456789" {
		t.Errorf("the mapping holds %q", data)
	}
	succeeds(t, "a clipped whole", UnmapMemory(data[:10:10]))
	wants(t, "twice", UnmapMemory(data), ErrClosed, ErrInvalid)
}

func TestUnmappingFromManyGoroutinesSucceedsOnce(t *testing.T) {
	path := newFile(t, "Hello")
	for range 100 {
		data := basic(t, path)
		answers := make(chan error, 8)
		var all sync.WaitGroup
		for range cap(answers) {
			all.Add(1)
			go func() { defer all.Done(); answers <- UnmapMemory(data) }()
		}
		all.Wait()
		nils := 0
		for range cap(answers) {
			if err := <-answers; err == nil {
				nils++
			} else {
				wants(t, "UnmapMemory", err, ErrClosed, ErrInvalid)
			}
		}
		if nils != 1 {
			t.Fatalf("%d of 8 succeeded", nils)
		}
	}
}

func TestWritingMayRaceUnmapping(t *testing.T) {
	path := newFile(t, zeros(100))
	for range 100 {
		data := basic(t, path)
		done := make(chan bool)
		go func() {
			defer close(done)
			for range 1000 {
				if err := WriteToMmap(data[50:], nil); err != nil {
					wants(t, "WriteToMmap", err, ErrClosed, ErrInvalid)
					return
				}
				if err := WriteToMmap(data[50:], []byte("x")); err != nil {
					wants(t, "WriteToMmap", err, ErrClosed, ErrInvalid)
					return
				}
			}
		}()
		runtime.Gosched()
		succeeds(t, "UnmapMemory", UnmapMemory(data))
		<-done
	}
	if n := mappings(t, path); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}
