// Command serve shares a memfd with the program that connects to its socket, such as count.c. Both add 1 to the
// same number COUNT times; then serve prints the number. ../README.md shows how to run both.
//
//	serve SOCKET COUNT
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"libmemmap/memmap"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func serve(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: serve SOCKET COUNT")
	}
	count, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	counter, err := memmap.Memfd("counter", 4096, nil)
	if err != nil {
		return err
	}
	defer counter.Close()
	// No client can cut the memory, and none can add seals.
	if err := counter.Seal(memmap.SealShrink | memmap.SealGrow | memmap.SealSeal); err != nil {
		return err
	}
	client, err := accept(arguments[0])
	if err != nil {
		return err
	}
	defer client.Close()
	if err := counter.Send(client, memmap.ReadWrite); err != nil {
		return err
	}
	for range count {
		if _, err := counter.AddUint64(0, 1); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, client); err != nil { // Until the client closes the connection.
		return err
	}
	total, err := counter.LoadUint64(0)
	if err == nil {
		fmt.Println(total)
	}
	return err
}

func accept(path string) (*net.UnixConn, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	return listener.AcceptUnix()
}
