# make help lists the targets. A target that is to be in the list has "## GROUP: TEXT" in its line.

# `tools/cross arm64 make …` builds for another machine, in a folder of its own.
export CARGO_TARGET_DIR = $(CURDIR)/target$(if $(MEMMAP_PLATFORM),/cross)
RELEASE  = $(or $(MEMMAP_RELEASE),$(CURDIR)/target/release)
LIBRARY  = $(RELEASE)/libmemmap.a

GO       = $(shell tools/go-toolchain)
GOTESTS  = -count=1
# The cache of Go does not read static libraries. The checksum makes it link anew after a change of the library.
LINK     = -ldflags "-X main.library=$$(cksum < $(LIBRARY) | tr -d ' ')"

# The virtual environment with the tools for Python. Tests load the library that is built here.
VENV     = $(CURDIR)/.tools/python
PYTHON   = MEMMAP_LIBRARY=$(RELEASE)/libmemmap.so $(VENV)/bin/python

.PHONY: build demo mapview tools clean help
.PHONY: test test-rust test-go test-bench test-python test-compat run-python-tests check-python check-format
.PHONY: header drawing wheel bench bench-python bench-instructions kills powercut inject survival ffi-deps test-deps

build: tools ## Build: the library, shared and static, below target/release
	cargo build --release --lib
	ln -sf libmemmap.so $(RELEASE)/libmemmap.so.0

help: ## Build: this list
	@awk -F ' ## ' '\
		/^[a-z0-9-]+:.* ## / { \
			group = text = $$2; sub(/:.*/, "", group); sub(/^[^:]*: /, "", text); sub(/:.*/, "", $$1); \
			if (!(group in lines)) groups[++count] = group; \
			lines[group] = lines[group] sprintf("  %-18s  %s\n", $$1, text) } \
		END { for (i = 1; i <= count; i++) printf "%s%s\n%s", i == 1 ? "" : "\n", groups[i], lines[groups[i]] }' $(MAKEFILE_LIST)

demo: build ## Build: build the guide program and run it on a file, target/demo.bin
	cd go && $(GO) build $(LINK) -o ../target/guide ./cmd/guide
	target/guide -create 4096 -write "Hello, mmap" -at 100 target/demo.bin
	target/guide target/demo.bin

mapview: build ## Build: build target/mapview, which draws which parts of files are in memory
	cd go && $(GO) build $(LINK) -o ../target/mapview ./cmd/mapview

# Tests append a line to this file for each case that they skip.
SKIPPED  = target/skipped.txt
test: ## Test: all tests; the last line counts what was skipped
	@mkdir -p target && : > $(SKIPPED)
	@MEMMAP_SKIPPED=$(CURDIR)/$(SKIPPED) $(MAKE) --no-print-directory test-rust test-go test-bench test-compat test-python
	@tools/skipped $(SKIPPED)

test-rust: build ## Test: the tests in Rust and C, in several languages and of the packages
	cargo test --quiet -- --nocapture

test-go: build ## Test: the Go package, its programs and drop-ins, with the race detector
	cd go && $(GO) vet ./... && $(GO) test -race $(GOTESTS) $(LINK) ./...

test-bench: build ## Test: the tests of the benchmark
	cd bench && $(GO) vet ./... && $(GO) test $(GOTESTS) $(LINK) ./...

# Without Python, tools/python prints a message, and nothing fails.
test-python: build ## Test: the Python package and its types, if there is a Python
	@! tools/python >/dev/null || $(MAKE) --no-print-directory check-python run-python-tests

run-python-tests: $(VENV)/ready
	cd python && PYTHONPATH=. $(PYTHON) -m pytest

check-python: $(VENV)/ready
	cd python && $(PYTHON) -m mypy

$(VENV)/ready: python/requirements.lock
	$$(tools/python) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r python/requirements.lock
	touch $@

# make test kills 60.
kills: build ## Long tests: kill 500 holders of locks, writers and readers of cells
	MEMMAP_ROUNDS=500 cargo test --quiet --test c_abi -- with_the_static_library::kills

# How many power cuts each program has on each file system. What other libraries lose is printed too.
CUTS = 2000
powercut: build ## Long tests: CUTS=2000 power cuts of each program on each file system (root)
	MEMMAP_CUTS=$(CUTS) cargo test --test powercut -- --nocapture --include-ignored

# Writes tests/faults/inject/answers.txt.
inject: build ## Long tests: fail each system call once, and record the results (root)
	MEMMAP_KEEP_ANSWERS=1 cargo test --quiet --test inject

# The originals are downloaded from the Go module proxy.
test-compat: build ## Test: the Go drop-ins against the originals, which are downloaded
	cd tests/languages/compat && PATH="$(dir $(GO)):$$PATH" $(GO) test $(GOTESTS) .

check-format: tools ## Test: rustfmt, clippy, rustdoc and gofmt
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps
	test -z "$$($(dir $(GO))gofmt -l go bench examples tests/languages/compat tests/packaging/go | tee /dev/stderr)"

drawing: ## Generate: the drawing of the rooms of src in ARCHITECTURE.md, from its use lines
	MEMMAP_DRAW=1 cargo test --quiet --test rooms the_drawing

header: tools ## Generate: include/memmap.h from the sources, and the manual pages
	cargo build --lib
	cp "$$(ls -t target/debug/build/libmemmap-*/out/memmap.h | head -n 1)" include/memmap.h
	$(MAKE) man

# The wheel is for every Python from 3.9 on.
wheel: build $(VENV)/ready ## Package: a Python wheel with the library, in target/wheel
	rm -rf target/wheel/linux
	cd python && $(PYTHON) -m build --wheel --no-isolation --outdir ../target/wheel/linux >/dev/null
	cd target/wheel && PATH=$(VENV)/bin:$$PATH auditwheel repair --only-plat --wheel-dir . linux/*.whl
	@tools/wheel-tag target/wheel/*.whl

# With BENCH='-run REGEXP', only these rows are measured; bench/RESULTS.md has more.
bench: build ## Measure: the Go benchmark, beside other libraries; BENCH=-short tries it out
	cd bench && $(GO) run $(LINK) . $(BENCH)

bench-python: build $(VENV)/ready ## Measure: the Python benchmark, beside the standard mmap
	cd python && PYTHONPATH=. $(PYTHON) bench.py

# With MEMMAP_KEEP_COUNTS=1, the new counts are written to tests/proof/instructions/counts.txt.
bench-instructions: build ## Measure: the instructions of calls, by callgrind; fails where they grow
	cargo test --quiet --test instructions -- --nocapture

survival: build ## Measure: what a lost page does to each library, and what is computed from it
	@! tools/python >/dev/null || $(MAKE) --no-print-directory $(VENV)/ready
	cd bench && $(GO) run $(LINK) ./survival

.PHONY: picture
picture: build ## Measure: docs/truncated.svg, of what two programs print
	cd bench && PATH="$(dir $(GO)):$$PATH" $(GO) run $(LINK) ./picture

# mdBook is compiled once, which takes a minute and a download.
MDBOOK_VERSION = 0.5.4
MDBOOK = .tools/mdbook-$(MDBOOK_VERSION)/bin/mdbook
$(MDBOOK):
	CARGO_TARGET_DIR=$(CURDIR)/target/mdbook cargo install --quiet mdbook --version $(MDBOOK_VERSION) --locked \
		--no-default-features --features search --root .tools/mdbook-$(MDBOOK_VERSION)

.PHONY: site
site: $(MDBOOK) ## Generate: target/site, a site of the pages in docs; fails at a dead link
	tools/site $(MDBOOK)

ffi-deps: ## Test: install the runtimes that examples/ffi uses
	tools/ffi-deps

test-deps: ## Test: install all that tests use (root)
	tools/ffi-deps mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs cmake:cmake pkg-config:pkg-config git:git \
		groff:groff dpkg-shlibdeps:dpkg-dev lintian:lintian hexdump:bsdextrautils

tools:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs, then run make again" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing: install one (Debian: apt install build-essential), then run make again" >&2; exit 1; }
	@tools/go-toolchain >/dev/null

include packaging/install.mk packaging/dist.mk packaging/debian.mk packaging/abi.mk packaging/platforms.mk tests/proof.mk

clean: ## Build: remove target and .tools
	rm -rf target .tools
