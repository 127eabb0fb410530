//go:build memmap_shared

package memmap

/*
#cgo pkg-config: memmap
*/
import "C"
