// Maps the file that it is given, and prints how long it is and its first word.
package main

import (
	"os"

	"libmemmap/memmap"
)

func main() {
	data, err := memmap.BasicMmap(os.Args[1])
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	println(len(data), string(data[:4]))
	if err := memmap.UnmapMemory(data); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
