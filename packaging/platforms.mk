# make test-aarch64, make check-32-bit, make packages: other machines than this one. docs/platforms.md says what is run there, and how.
# None of it is a part of make test: it takes cross compilers, an emulator, and minutes.

.PHONY: test-aarch64 check-32-bit packages run-platform-tests compare-abi

# What can't be brought here is skipped and said, and nothing fails: exit status 77.
on = tools/cross $(1) $(MAKE) --no-print-directory $(2) || test $$? = 77

test-aarch64:
	$(call on,arm64,run-platform-tests)

# What may depend on how the library is linked: who owns a signal, and what a second copy does.
GUARDS_PROGRAMS = faults guard handler region poison

run-platform-tests: build compare-abi
	tests/packaging/platforms/c-tests $(LIBRARY)
	tests/packaging/platforms/c-tests $(RELEASE)/libmemmap.so $(GUARDS_PROGRAMS)
	tests/packaging/platforms/go-tests ./...
	tests/packaging/platforms/first-programs

# Sizes, places and values must be those of every other platform with 64 bits, and so must the symbols.
compare-abi:
	tools/abi > target/memmap.abi.$(MEMMAP_PLATFORM)
	diff abi/memmap.abi target/memmap.abi.$(MEMMAP_PLATFORM)

# The library compiles for addresses of 32 bits, and what needs more than they have is a limit.
check-32-bit:
	$(call on,i386,run-32-bit-tests)

.PHONY: run-32-bit-tests
run-32-bit-tests:
	cargo check --quiet --lib
	$(MAKE) --no-print-directory build
	tests/packaging/platforms/c-tests $(LIBRARY)
	tests/packaging/platforms/c-tests $(RELEASE)/libmemmap.so $(GUARDS_PROGRAMS)

# Debian's packages and wheels for amd64 and arm64, and a Go archive for both.
LIBRARY_ARM64 = $(CURDIR)/target/cross/aarch64-unknown-linux-gnu/release/libmemmap.a

packages: build deb wheel
	libraries=linux_amd64=$(LIBRARY); \
	if tools/cross arm64 $(MAKE) --no-print-directory build deb wheel; \
	then libraries="$$libraries linux_arm64=$(LIBRARY_ARM64)"; \
	else test $$? = 77; fi && \
	$(MAKE) --no-print-directory dist DIST_LIBRARIES="$$libraries"
