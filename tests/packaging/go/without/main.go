// The same program by system calls alone: what libmemmap adds to a binary is the difference.
package main

import (
	"os"
	"syscall"
)

func main() {
	data, err := byHand(os.Args[1])
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	println(len(data), string(data[:4]))
	if err := syscall.Munmap(data); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}

func byHand(name string) ([]byte, error) {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}
