module sharing

go 1.24

require libmemmap/memmap v0.0.0

replace libmemmap/memmap => ../../go
