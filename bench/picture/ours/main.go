// Command ours reads the beginning of a mapped file again and again, until that fails.
package main

import (
	"fmt"
	"os"

	"libmemmap/memmap/compat/expmmap"
)

func main() {
	file, err := mmap.Open(os.Args[1])
	for err == nil {
		_, err = file.ReadAt(make([]byte, 4096), 0)
	}
	fmt.Println("error:", err)
	fmt.Println("The program goes on.")
}
