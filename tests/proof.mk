# What takes long: make fuzz, make mutants, make bugs, make sanitize, make valgrind, make soak, make hostile. docs/proof.md has what came of it.

.PHONY: fuzz fuzz-calls fuzz-cells fuzz-go fuzz-receive fuzz-python mutants go-mutants bugs sanitize threads valgrind soak hostile

# Seconds, for each of what make fuzz runs, and for make soak.
TIME     = 60
NIGHTLY  = nightly
TOOLS    = $(CURDIR)/.tools/cargo/bin
FUZZ     = PATH=$(TOOLS):$$PATH cargo +$(NIGHTLY) fuzz

$(TOOLS)/cargo-%:
	cargo install --quiet --locked --root .tools/cargo cargo-$*

fuzz: fuzz-calls fuzz-cells fuzz-go fuzz-receive fuzz-python

# What it finds lies in fuzz/artifacts/calls: what was wrong is kept in fuzz/kept, which make test runs.
fuzz-calls: $(TOOLS)/cargo-fuzz
	mkdir -p fuzz/corpus/calls
	$(FUZZ) run --target-dir $(CURDIR)/target/fuzz calls fuzz/corpus/calls fuzz/kept -- -max_total_time=$(TIME) -max_len=4096 -rss_limit_mb=4096 -timeout=60

# What a peer writes to shared memory. No call takes 64 MiB at once, or 20 seconds.
fuzz-cells: $(TOOLS)/cargo-fuzz
	mkdir -p fuzz/corpus/cells
	$(FUZZ) run --target-dir $(CURDIR)/target/fuzz cells fuzz/corpus/cells fuzz/kept-cells -- -max_total_time=$(TIME) -max_len=2048 -rss_limit_mb=2048 -malloc_limit_mb=64 -timeout=20

fuzz-go: build
	cd go && $(GO) test $(LINK) -run '^$$' -fuzz FuzzMap -fuzztime $(TIME)s .

# What a peer sends.
fuzz-receive: build
	cd go && $(GO) test $(LINK) -run '^$$' -fuzz FuzzReceive -fuzztime $(TIME)s .

# About 10 sequences a second.
fuzz-python: build $(VENV)/ready
	cd python && MEMMAP_EXAMPLES=$$(($(TIME) * 10)) PYTHONPATH=. $(PYTHON) -m pytest -q tests/test_stateful.py

# Of these files only, e.g. MUTANTS=src/range.rs; MUTANTS=--again tries only what nothing noticed the last time.
MUTANTS =

# Changes the core in one place at a time, and says which change no test notices; tests/proof/mutants.md has what was found.
mutants: $(TOOLS)/cargo-mutants $(VENV)/ready
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check tree-sitter tree-sitter-rust
	PATH=$(TOOLS):$$PATH $(VENV)/bin/python tools/mutants $(MUTANTS)

go-mutants: build
	tools/go-mutants $(GO)

# These only, e.g. BUGS=the-sum-of-a-range-wraps.
BUGS =

# Puts each bug of tests/bugs into a copy, and says which one no test notices.
bugs: $(VENV)/ready
	$(VENV)/bin/python tools/bugs $(GO) $(VENV)/bin/python $(BUGS)

# The C programs, the Python and the Go suite with the library instrumented by AddressSanitizer; threads under ThreadSanitizer.
# Both take a nightly compiler; tools/sanitize says what they can't see.
sanitize: $(VENV)/ready
	tools/sanitize address $(NIGHTLY) $(VENV)/bin/python $(GO)

threads:
	tools/sanitize thread $(NIGHTLY)

valgrind: build
	tools/valgrind

# 4 processes of 8 threads; lines in target/soak.txt.
soak: build
	mkdir -p target/soak
	$(CC) -std=c11 -O1 -Wall -Wextra -Werror -Iinclude tests/threads/soak/soak.c $(LIBRARY) -lpthread -ldl -lm -o target/soak/soak
	folder=$$(mktemp -d); nice target/soak/soak $$folder $(TIME) $$(($(TIME) / 60 + 1)) > target/soak.txt; ended=$$?; \
		rm -r $$folder; exit $$ended
	cd bench && $(GO) run ./soak ../target/soak.txt ../docs/soak.svg

# An attacker's process beside what takes what it can write to: each behaviour for so many seconds, some 12 minutes in all.
hostile: build
	MEMMAP_SECONDS=150 cargo test --quiet --test hostile -- --nocapture
