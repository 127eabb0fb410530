// Package guide is the mmap guide's Go code: what people have today.
package guide

import (
	"os"
	"syscall"
)

// Word for word.

func basicMmap(filename string) ([]byte, error) {
	file, err := os.OpenFile(filename, os.O_RDWR, 0644)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	info, err := file.Stat()
	if err != nil {
		return nil, err
	}

	data, err := syscall.Mmap(
		int(file.Fd()),
		0,
		int(info.Size()),
		syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_SHARED,
	)
	if err != nil {
		return nil, err
	}

	return data, nil
}

// writeToMmap flushes with a system call by hand, since Go's syscall package has no Msync on Linux.
func writeToMmap(data []byte, content []byte) error {
	copy(data, content)
	return msync(data)
}

func unmapMemory(data []byte) error {
	return syscall.Munmap(data)
}
