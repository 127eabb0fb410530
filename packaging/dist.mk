# make dist: the Go package with static libraries, for use without this repository.

DIST           = target/dist/libmemmap-go-$(VERSION).tar.gz
# The platforms: pairs of GOOS_GOARCH and the static library that was built for it.
DIST_LIBRARIES = $(shell $(GO) env GOOS)_$(shell $(GO) env GOARCH)=$(RELEASE)/libmemmap.a

.PHONY: dist size

dist: $(RELEASE)/libmemmap.a ## Package: a Go module with the static library, in target/dist
	tools/dist $(VERSION) $(DIST) $(DIST_LIBRARIES)

size: $(RELEASE)/libmemmap.a ## Measure: the size of a Go program with and without the library
	tools/go-size $(GO)
