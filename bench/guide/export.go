package guide

import "golang.org/x/sys/unix"

// The guide's functions begin with a small letter.
var (
	BasicMmap   = basicMmap
	WriteToMmap = writeToMmap
	UnmapMemory = unmapMemory
)

func msync(data []byte) error { return unix.Msync(data, unix.MS_SYNC) }
