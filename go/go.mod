module libmemmap/memmap

go 1.24
