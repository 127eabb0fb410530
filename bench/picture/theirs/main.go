// Command theirs reads the beginning of a mapped file again and again, until that fails.
package main

import (
	"fmt"
	"os"

	"golang.org/x/exp/mmap"
)

func main() {
	file, err := mmap.Open(os.Args[1])
	for err == nil {
		_, err = file.ReadAt(make([]byte, 4096), 0)
	}
	fmt.Println("error:", err)
	fmt.Println("The program goes on.")
}
