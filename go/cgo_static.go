//go:build !memmap_shared

package memmap

/*
#cgo CFLAGS: -I${SRCDIR}/../include
#cgo LDFLAGS: ${SRCDIR}/../target/release/libmemmap.a -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
*/
import "C"
