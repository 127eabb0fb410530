package memmap

import (
	"os"
	"syscall"
	"testing"
)

func TestTheSystemsLimitsAreTheKernels(t *testing.T) {
	system, err := GetSystem()
	succeeds(t, "GetSystem", err)
	var files syscall.Rlimit
	succeeds(t, "Getrlimit", syscall.Getrlimit(syscall.RLIMIT_FSIZE, &files))
	if system.PageSize != uint64(os.Getpagesize()) || system.FileSizeLimit != files.Cur {
		t.Errorf("%+v", system)
	}
	if system.MemoryAvailable == 0 || system.MapCount == 0 || system.MapCount > system.MaxMapCount ||
		system.AddressSpaceLimit == 0 || system.LockedMemoryLimit == 0 {
		t.Errorf("%+v", system)
	}
}

func TestStatsCountMappingsBytesFaultsAndLeaks(t *testing.T) {
	survives(t, func(t *testing.T) {
		before, err := GetStats()
		succeeds(t, "GetStats", err)
		path, m := paged(t, 3, nil)
		now, err := GetStats()
		succeeds(t, "GetStats", err)
		if now.Mappings != before.Mappings+1 || now.BytesMapped != before.BytesMapped+uint64(3*page) {
			t.Errorf("%+v after %+v", now, before)
		}
		setSize(t, path, 0)
		m.At(0)
		drop(t, newFile(t, "Hello"), func(*Map) {})
		collect(t, 0, 1)
		succeeds(t, "Close", m.Close())
		now, err = GetStats()
		succeeds(t, "GetStats", err)
		if now.Mappings != before.Mappings || now.BytesMapped != before.BytesMapped || now.FaultsSurvived != 1 || now.Leaks != 1 {
			t.Errorf("%+v after %+v", now, before)
		}
	})
}
