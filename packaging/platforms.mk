# Builds and tests for other machines; see docs/platforms.md. They are no part of make test, since they need cross compilers, an
# emulator and minutes.

.PHONY: test-aarch64 check-32-bit packages run-platform-tests compare-abi

# tools/cross exits with 77 if a compiler or emulator cannot be installed. It prints why, and nothing fails.
on = tools/cross $(1) $(MAKE) --no-print-directory $(2) || test $$? = 77

test-aarch64: ## Other machines: the C and Go tests under qemu-user
	$(call on,arm64,run-platform-tests)

# Programs whose results may depend on how the library is linked: signal handlers, and a second copy of the library.
GUARDS_PROGRAMS = faults guard hooks attempts handler region poison

run-platform-tests: build compare-abi
	tests/packaging/platforms/c-tests $(LIBRARY)
	tests/packaging/platforms/c-tests $(RELEASE)/libmemmap.so $(GUARDS_PROGRAMS)
	tests/packaging/platforms/go-tests ./...
	tests/packaging/platforms/first-programs

# Symbols, sizes, offsets and values must be the same on every 64-bit platform.
compare-abi:
	tools/abi > target/memmap.abi.$(MEMMAP_PLATFORM)
	diff abi/memmap.abi target/memmap.abi.$(MEMMAP_PLATFORM)

check-32-bit: ## Other machines: the library and the C tests on i686
	$(call on,i386,run-32-bit-tests)

.PHONY: run-32-bit-tests
run-32-bit-tests:
	cargo check --quiet --lib
	$(MAKE) --no-print-directory build
	tests/packaging/platforms/c-tests $(LIBRARY)
	tests/packaging/platforms/c-tests $(RELEASE)/libmemmap.so $(GUARDS_PROGRAMS)

# Debian's packages and wheels for each, and a Go archive for both.
LIBRARY_ARM64 = $(CURDIR)/target/cross/aarch64-unknown-linux-gnu/release/libmemmap.a

packages: build deb wheel ## Package: all packages, for amd64 and arm64
	libraries=linux_amd64=$(LIBRARY); \
	if tools/cross arm64 $(MAKE) --no-print-directory build deb wheel; \
	then libraries="$$libraries linux_arm64=$(LIBRARY_ARM64)"; \
	else test $$? = 77; fi && \
	$(MAKE) --no-print-directory dist DIST_LIBRARIES="$$libraries"
