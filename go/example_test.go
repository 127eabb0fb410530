package memmap_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"libmemmap/memmap"
)

// sample makes a file for an example and returns a function that removes it.
func sample() (path string, remove func()) {
	folder, err := os.MkdirTemp("", "memmap-")
	if err != nil {
		panic(err)
	}
	path = filepath.Join(folder, "sample.txt")
	if err := os.WriteFile(path, []byte("Hello, file"), 0o600); err != nil {
		panic(err)
	}
	return path, func() { os.RemoveAll(folder) }
}

func ExampleOpen() {
	path, remove := sample()
	defer remove()

	m, err := memmap.Open(path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	word := make([]byte, 4)
	if _, err := m.ReadAt(word, 7); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, %d bytes\n", word, m.Len())

	_, err = memmap.Open(path+".missing", nil)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// file, 11 bytes
	// true
}

func ExampleMap_View() {
	path, remove := sample()
	defer remove()

	m, err := memmap.Open(path, &memmap.Options{Access: memmap.ReadWrite})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	err = m.View(func(data []byte) error { // No copy; data stays mapped until the function returns.
		copy(data[7:], "mmap")
		fmt.Printf("%s\n", data)
		return nil
	})
	fmt.Println(err)
	// Output:
	// Hello, mmap
	// <nil>
}

func ExampleAnonymous() {
	m, err := memmap.Anonymous(1<<20, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	if err := m.Fill(0, 3, 'x'); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q of %d bytes\n", m.Bytes()[:5], m.Len())
	// Output: "xxx\x00\x00" of 1048576 bytes
}

func ExampleMap_Find() {
	path, remove := sample()
	defer remove()

	m, err := memmap.Open(path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	first, err := m.Find([]byte("l"), 0, memmap.ToEnd)
	fmt.Println(first, err)
	last, err := m.FindLast([]byte("l"), 0, memmap.ToEnd)
	fmt.Println(last, err)
	missing, err := m.Find([]byte("mmap"), 0, memmap.ToEnd)
	fmt.Println(missing, err)
	// Output:
	// 2 <nil>
	// 9 <nil>
	// -1 <nil>
}

func ExampleMap_Lines() {
	path, remove := sample()
	defer remove()
	if err := os.WriteFile(path, []byte("one\ntwo\nthree"), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	m, err := memmap.Open(path, &memmap.Options{Advice: memmap.AdviceSequential})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	lines := m.Lines(0, memmap.ToEnd)
	for offset, line := range lines.All() { // Not copied: good until the loop goes on.
		fmt.Printf("%d %q\n", offset, line)
	}
	fmt.Println(lines.Err())
	// Output:
	// 0 "one\n"
	// 4 "two\n"
	// 8 "three"
	// <nil>
}

func ExampleMap_Appender() {
	path, remove := sample()
	defer remove()

	m, err := memmap.Create(path, 0, &memmap.Options{Capacity: 1 << 30}) // Address space, not memory.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	a := m.Appender()
	for i := range 3 {
		fmt.Fprintf(a, "record %d\n", i)
	}
	if err := a.Close(); err != nil { // Write's errors too.
		fmt.Println(err)
		return
	}

	text, err := os.ReadFile(path)
	fmt.Printf("%q %v\n", text, err)
	// Output: "record 0\nrecord 1\nrecord 2\n" <nil>
}

func ExampleMap_Residency() {
	m, err := memmap.Anonymous(4*int64(os.Getpagesize()), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	if err := m.Prefault(0, 1, memmap.PrefaultWrite); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Residency(0, memmap.ToEnd))
	fmt.Println(m.Resident(0, memmap.ToEnd))
	// Output:
	// [true false false false] <nil>
	// 1 <nil>
}

func ExampleBasicMmap() {
	path, remove := sample()
	defer remove()

	data, err := memmap.BasicMmap(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", data)
	fmt.Println(memmap.UnmapMemory(data))
	// Output:
	// Hello, file
	// <nil>
}

func ExampleCreateMmapFile() {
	path, remove := sample()
	defer remove()

	data, err := memmap.CreateMmapFile(path, 4096)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer memmap.UnmapMemory(data)
	fmt.Println(len(data), data[0], data[4095])
	// Output: 4096 0 0
}

func ExampleWriteToMmap() {
	path, remove := sample()
	defer remove()

	data, err := memmap.BasicMmap(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer memmap.UnmapMemory(data)
	fmt.Println(memmap.WriteToMmap(data[7:], []byte("mmap"))) // On the device from here on.
	fmt.Println(errors.Is(memmap.WriteToMmap(data[7:], []byte("mapping")), memmap.ErrRange))

	text, err := os.ReadFile(path)
	fmt.Printf("%s %v\n", text, err)
	// Output:
	// <nil>
	// true
	// Hello, mmap <nil>
}

func ExampleUnmapMemory() {
	path, remove := sample()
	defer remove()

	data, err := memmap.BasicMmap(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(errors.Is(memmap.UnmapMemory(data[:5]), memmap.ErrInvalid)) // Only a part of it.
	fmt.Println(memmap.UnmapMemory(data))
	fmt.Println(errors.Is(memmap.UnmapMemory(data), memmap.ErrClosed))
	// Output:
	// true
	// <nil>
	// true
}
