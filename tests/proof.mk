# Tests that take long. docs/proof.md has their results.

.PHONY: fuzz fuzz-calls fuzz-cells fuzz-go fuzz-receive fuzz-python mutants go-mutants bugs sanitize threads valgrind soak hostile never-a-zero never-a-zero-python kernel-zeros

# In seconds: for each fuzzer, and for make soak.
TIME     = 60
NIGHTLY  = nightly
TOOLS    = $(CURDIR)/.tools/cargo/bin
FUZZ     = PATH=$(TOOLS):$$PATH cargo +$(NIGHTLY) fuzz

$(TOOLS)/cargo-%:
	cargo install --quiet --locked --root .tools/cargo cargo-$*

fuzz: fuzz-calls fuzz-cells fuzz-go fuzz-receive fuzz-python ## Long tests: all fuzzers, TIME=60 seconds each (nightly compiler)

# Failing scripts are written to fuzz/artifacts/calls. Once fixed they are copied to fuzz/kept, which make test runs.
fuzz-calls: $(TOOLS)/cargo-fuzz ## Long tests: scripts of calls against a model, under AddressSanitizer
	mkdir -p fuzz/corpus/calls
	$(FUZZ) run --target-dir $(CURDIR)/target/fuzz calls fuzz/corpus/calls fuzz/kept -- -max_total_time=$(TIME) -max_len=4096 -rss_limit_mb=4096 -timeout=60

# No call may allocate 64 MiB at once or take 20 seconds.
fuzz-cells: $(TOOLS)/cargo-fuzz ## Long tests: what a peer writes to shared memory
	mkdir -p fuzz/corpus/cells
	$(FUZZ) run --target-dir $(CURDIR)/target/fuzz cells fuzz/corpus/cells fuzz/kept-cells -- -max_total_time=$(TIME) -max_len=2048 -rss_limit_mb=2048 -malloc_limit_mb=64 -timeout=20

fuzz-go: build ## Long tests: the Go Map against os.File
	cd go && $(GO) test $(LINK) -run '^$$' -fuzz FuzzMap -fuzztime $(TIME)s .

fuzz-receive: build ## Long tests: what a peer sends to the Go Receive
	cd go && $(GO) test $(LINK) -run '^$$' -fuzz FuzzReceive -fuzztime $(TIME)s .

# About 10 sequences a second.
fuzz-python: build $(VENV)/ready ## Long tests: the Python class against the standard mmap
	cd python && MEMMAP_EXAMPLES=$$(($(TIME) * 10)) PYTHONPATH=. $(PYTHON) -m pytest -q tests/test_stateful.py

# The files to change, e.g. MUTANTS=src/range.rs. MUTANTS=--again tries only the changes that no test noticed before.
MUTANTS =

# tests/proof/mutants.md has the results.
mutants: $(TOOLS)/cargo-mutants $(VENV)/ready ## Long tests: change src in one place at a time; MUTANTS=FILE chooses
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check tree-sitter tree-sitter-rust
	PATH=$(TOOLS):$$PATH $(VENV)/bin/python tools/mutants $(MUTANTS)

go-mutants: build ## Long tests: change go/map.go in one place at a time
	tools/go-mutants $(GO)

# The patches to apply, e.g. BUGS=the-sum-of-a-range-wraps.
BUGS =

bugs: $(VENV)/ready ## Long tests: the test of each patch in tests/bugs must fail with it; BUGS=NAME chooses
	$(VENV)/bin/python tools/bugs $(GO) $(VENV)/bin/python $(BUGS)

# tools/sanitize says what the sanitizers cannot detect.
sanitize: $(VENV)/ready ## Long tests: the C, Python and Go tests under AddressSanitizer (nightly compiler)
	tools/sanitize address $(NIGHTLY) $(VENV)/bin/python $(GO)

threads: ## Long tests: the tests of many threads under ThreadSanitizer (nightly compiler)
	tools/sanitize thread $(NIGHTLY)

valgrind: build ## Long tests: the C tests under memcheck
	tools/valgrind

# Prints to target/soak.txt, and draws docs/soak.svg from that.
soak: build ## Long tests: 4 processes of 8 threads mix everything for TIME=60 seconds
	mkdir -p target/soak
	$(CC) -std=c11 -O1 -Wall -Wextra -Werror -Iinclude tests/threads/soak/soak.c $(LIBRARY) -lpthread -ldl -lm -o target/soak/soak
	folder=$$(mktemp -d); nice target/soak/soak $$folder $(TIME) $$(($(TIME) / 60 + 1)) > target/soak.txt; ended=$$?; \
		rm -r $$folder; exit $$ended
	cd bench && $(GO) run ./soak ../target/soak.txt ../docs/soak.svg

hostile: build ## Long tests: an attacking process beside each call that it can disturb: 12 minutes
	MEMMAP_SECONDS=150 cargo test --quiet --test hostile -- --nocapture

# On tmpfs: kernel-zeros shows why.
never-a-zero: build ## Long tests: readers beside a truncating process, TIME=60 seconds: no zero is data
	mkdir -p target/never-a-zero
	$(CC) -std=c11 -O2 -Wall -Wextra -Werror -Iinclude tests/faults/never_a_zero/never_a_zero.c $(LIBRARY) -lpthread -ldl -lm \
		-o target/never-a-zero/c
	folder=$$(mktemp -d /dev/shm/never-a-zero.XXXXXX) && echo "C:"; \
		target/never-a-zero/c "$$folder" $(TIME); ended=$$?; rm -r "$$folder"; exit $$ended
	@echo "Go:"
	cd go && MEMMAP_TIME=$(TIME) $(GO) test -count=1 -timeout 0 -v -run TestNothingIsComputedFromALostPage $(LINK) .
	@! tools/python >/dev/null || $(MAKE) --no-print-directory never-a-zero-python

never-a-zero-python: build $(VENV)/ready
	folder=$$(mktemp -d /dev/shm/never-a-zero.XXXXXX) && echo "Python:"; \
		PYTHONPATH=python $(PYTHON) python/tests/never_a_zero.py $(TIME) "$$folder"; \
		ended=$$?; rm -r "$$folder"; exit $$ended

kernel-zeros: ## Long tests: zeros that the kernel shows while a file is cut: no library
	mkdir -p target/never-a-zero
	$(CC) -std=c11 -O2 -Wall -Wextra -Werror tests/faults/never_a_zero/kernel_zeros.c -lpthread -o target/never-a-zero/kernel-zeros
	for parent in "$${TMPDIR:-/tmp}" /dev/shm; do file=$$(mktemp "$$parent/kernel-zeros.XXXXXX") && \
		target/never-a-zero/kernel-zeros "$$file" $(TIME); rm "$$file"; done
