//go:build !cgo

// The name is what a build without cgo is refused with.
package libmemmap_needs_cgo_and_a_C_compiler
