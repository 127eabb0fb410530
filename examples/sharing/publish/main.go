// Command publish creates FILE with a cell at its beginning, and publishes COUNT values in it: "1", "2 2", "3 3 3"
// and so on. follow.c and follow.py read them. ../README.md shows how to run all three.
//
//	publish FILE COUNT
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"libmemmap/memmap"
)

const capacity = 1000

func main() {
	if err := publish(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func publish(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: publish FILE COUNT")
	}
	count, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	size, err := memmap.CellSize(capacity)
	if err != nil {
		return err
	}
	file, err := memmap.Create(arguments[0], size, nil)
	if err != nil {
		return err
	}
	defer file.Close()
	cell, err := file.CreateCell(0, capacity)
	for i := 1; err == nil && i <= count; i++ {
		number := strconv.Itoa(i)
		err = cell.Publish([]byte(number + strings.Repeat(" "+number, (i-1)%100)))
	}
	return err
}
