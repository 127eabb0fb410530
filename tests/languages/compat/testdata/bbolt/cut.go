// Cut has 8 goroutines read a bbolt database and one write to it, and cuts its file meanwhile: at one of 20 places in each
// round. Every call has to return, and so has Close, and no transaction in a Try panics. It prints what came of the calls.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"libmemmap/memmap"
)

const (
	places  = 20
	readers = 8
	keys    = 4000
)

var bucket = []byte("numbers")

func key(i int) []byte { return fmt.Appendf(nil, "%08d", i) }

func value(i int) []byte { return bytes.Repeat(key(i), 16) }

// What came of the transactions.
var good, lost, refused, wrong atomic.Int64

func main() {
	for place := range places {
		if err := round(place); err != nil {
			log.Fatalf("cut at %d of %d: %v", place, places, err)
		}
	}
	fmt.Printf("%d good, %d lost, %d refused, %d wrong\n", good.Load(), lost.Load(), refused.Load(), wrong.Load())
	if good.Load() == 0 || lost.Load() == 0 || wrong.Load() != 0 {
		os.Exit(1)
	}
}

// The file is in memory: others show zeros of their own where they are cut.
func round(place int) error {
	fd, err := unix.MemfdCreate("bbolt", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "bbolt")
	defer file.Close()
	db, err := bbolt.Open(fmt.Sprintf("/proc/self/fd/%d", fd), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		return err
	}
	if err := fill(db); err != nil {
		return err
	}
	var done atomic.Bool
	var all sync.WaitGroup
	for g := range readers + 1 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := g; !done.Load(); i++ {
				if g < readers {
					count(read(db, i%keys))
				} else {
					count(write(db, i%keys))
				}
			}
		}()
	}
	time.Sleep(20 * time.Millisecond)
	if err := cut(fd, place); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond)
	done.Store(true)
	all.Wait()
	return db.Close()
}

func fill(db *bbolt.DB) error {
	return db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(bucket)
		for i := 0; i < keys && err == nil; i++ {
			err = b.Put(key(i), value(i))
		}
		return err
	})
}

// cut leaves so many twentieths of the file, in whole pages. It has to stay so: a commit behind the cut would leave holes
// before it, and their zeros would be the file's own.
func cut(fd, place int) error {
	var status unix.Stat_t
	if err := unix.Fstat(fd, &status); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_GROW); err != nil {
		return err
	}
	page := int64(os.Getpagesize())
	return unix.Ftruncate(fd, status.Size*int64(place)/places/page*page)
}

// read looks up some keys, and says whether their values were the right ones.
func read(db *bbolt.DB, i int) (right bool, err error) {
	err = memmap.Try(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			right = bytes.Equal(tx.Bucket(bucket).Get(key(i)), value(i))
			cursor := tx.Bucket(bucket).Cursor()
			for k, v := cursor.Seek(key(i)); k != nil; k, v = cursor.Next() {
				right = right && bytes.HasPrefix(v, k)
			}
			return nil
		})
	})
	return right, err
}

func write(db *bbolt.DB, i int) (right bool, err error) {
	err = memmap.Try(func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket(bucket).Put(key(i), value(i))
		})
	})
	return true, err
}

func count(right bool, err error) {
	switch {
	case errors.Is(err, memmap.ErrFault):
		lost.Add(1)
	case err != nil && strings.Contains(err.Error(), unix.EPERM.Error()): // The commit wanted a longer file.
		refused.Add(1)
	case err != nil:
		log.Fatal(err)
	case right:
		good.Add(1)
	default:
		wrong.Add(1)
	}
}
