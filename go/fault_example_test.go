package memmap_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"libmemmap/memmap"
)

// A file that somebody truncates is an error, and when it is whole again the mapping is too.
func ExampleMap_Recover() {
	path, remove := sample()
	defer remove()
	m, err := memmap.Open(path, nil)
	if err != nil {
		panic(err)
	}
	defer m.Close()
	os.Truncate(path, 0)
	_, err = m.At(0)
	var fault *memmap.FaultError
	if errors.As(err, &fault) {
		fmt.Println(fault.Length, "bytes from", fault.Offset, "on:", fault.Cause)
	}
	fmt.Println("too short:", errors.Is(m.Recover(), memmap.ErrFault))
	os.WriteFile(path, []byte("Hello again"), 0o600)
	fmt.Println("whole:", m.Recover())
	b, err := m.At(6)
	fmt.Printf("%c %v\n", b, err)
	// Output:
	// 11 bytes from 0 on: truncated
	// too short: true
	// whole: <nil>
	// a <nil>
}

// A view ends at the first byte that is lost, before anything is computed from it.
func ExampleMap_View_lost() {
	path, remove := sample()
	defer remove()
	m, err := memmap.Open(path, nil)
	if err != nil {
		panic(err)
	}
	defer m.Close()
	os.Truncate(path, 0)
	sum := 0
	err = m.View(func(data []byte) error {
		defer fmt.Println("deferred calls run")
		for _, b := range data {
			sum += int(b)
		}
		fmt.Println("the sum is", sum)
		return nil
	})
	fmt.Println(errors.Is(err, memmap.ErrFault))
	// Output:
	// deferred calls run
	// true
}

// Code that works on plain slices gets the error at once too.
func ExampleTry() {
	path, remove := sample()
	defer remove()
	data, err := memmap.BasicMmap(path)
	if err != nil {
		panic(err)
	}
	defer memmap.UnmapMemory(data)
	os.Truncate(path, 0)
	err = memmap.Try(func() error {
		fmt.Printf("%s\n", data[7:])
		return nil
	})
	fmt.Println(err)
	// Output: memmap: try: file was truncated or I/O error: bytes 0–10 are lost
}

// Memory that was mapped without this package is saved by one more line.
func ExampleGuard() {
	path, remove := sample()
	defer remove()
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	data, err := syscall.Mmap(int(file.Fd()), 0, 11, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	defer syscall.Munmap(data)
	guarded, err := memmap.Guard(data, file)
	if err != nil {
		panic(err)
	}
	defer guarded.Close()
	os.Truncate(path, 0)
	fmt.Println(data[0])
	fmt.Println(errors.Is(guarded.Fault(), memmap.ErrFault))
	// Output:
	// 0
	// true
}
