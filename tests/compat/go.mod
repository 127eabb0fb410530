module libmemmap/tests/compat

go 1.24
