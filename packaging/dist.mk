# make dist: the Go package with its static libraries, for use without this repository.

DIST           = target/dist/libmemmap-go-$(VERSION).tar.gz
# Which platforms it is for: pairs of GOOS_GOARCH and a static library that was built for it.
DIST_LIBRARIES = $(shell $(GO) env GOOS)_$(shell $(GO) env GOARCH)=$(RELEASE)/libmemmap.a

# What a stripped Go binary grows by.
.PHONY: dist size

dist: $(RELEASE)/libmemmap.a
	tools/dist $(VERSION) $(DIST) $(DIST_LIBRARIES)

size: $(RELEASE)/libmemmap.a
	tools/go-size $(GO)
