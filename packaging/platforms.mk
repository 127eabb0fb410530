# make test-aarch64, make test-32-bit: the same code on other machines, emulated; docs/platforms.md says what is run.
# None of it is a part of make test: it takes an emulator, and minutes.

.PHONY: test-aarch64 test-32-bit run-platform-tests compare-abi

# What can't be brought here is skipped, and says so; nothing fails.
ON = tools/cross $(1) $(MAKE) --no-print-directory $(2) || test $$$$? = 77

test-aarch64:
	tools/cross arm64 true || exit $$(test $$? = 77 && echo 0 || echo 1); \
	tools/cross arm64 $(MAKE) --no-print-directory run-platform-tests

run-platform-tests: build compare-abi
	tests/platforms/c-tests $(RELEASE)
	tests/platforms/go-tests ./...
	tests/platforms/guide

# Sizes, places and values must be those of this machine, and so must the symbols.
compare-abi:
	tools/abi > target/abi-$(MEMMAP_PLATFORM)
	diff abi/memmap.abi target/abi-$(MEMMAP_PLATFORM)
