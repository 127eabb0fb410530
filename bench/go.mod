module libmemmap/bench

go 1.24

require (
	golang.org/x/exp v0.0.0-20250408133849-7e4ce0ab07d0
	golang.org/x/sys v0.0.0-20211216021012-1d35b9e2eb4e
	libmemmap/memmap v0.0.0
)

replace libmemmap/memmap => ../go
