package memmap

import (
	"fmt"
	"os"
	"testing"
)

// What it costs to map a file further than it reaches, alone and among many mappings.
func BenchmarkMapFilePastTheEnd(b *testing.B) {
	path := newFile(b, "four")
	file, err := os.Open(path)
	succeeds(b, "Open", err)
	defer file.Close()
	for _, others := range []int{0, 50_000} {
		b.Run(fmt.Sprintf("beside-%d", others), func(b *testing.B) {
			for range others {
				mapFile(b, path, nil)
			}
			for b.Loop() {
				data, err := MapFile(file, &Options{Length: 2 * page})
				succeeds(b, "MapFile", err)
				succeeds(b, "UnmapMemory", UnmapMemory(data))
			}
		})
	}
}
