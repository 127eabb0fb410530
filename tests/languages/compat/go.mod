module libmemmap/tests/languages/compat

go 1.24
