# make demo: the guide's program on a real file.  make test: everything.  CONTRIBUTING.md has the rest.

# `tools/cross arm64 make …` builds for another machine: beside what is built for this one.
export CARGO_TARGET_DIR = $(CURDIR)/target$(if $(MEMMAP_PLATFORM),/cross)
RELEASE  = $(or $(MEMMAP_RELEASE),$(CURDIR)/target/release)
LIBRARY  = $(RELEASE)/libmemmap.a

GO       = $(shell tools/go-toolchain)
GOTESTS  = -count=1
# Go's cache does not look into a static library: its checksum makes every change of it a new program.
LINK     = -ldflags "-X main.library=$$(cksum < $(LIBRARY) | tr -d ' ')"

# Where the tools for Python live; what it is tested against is the library as built here.
VENV     = $(CURDIR)/.tools/python
PYTHON   = MEMMAP_LIBRARY=$(RELEASE)/libmemmap.so $(VENV)/bin/python

.PHONY: build demo mapview tools clean
.PHONY: test test-rust test-go test-bench test-python test-compat run-python-tests check-python check-format
.PHONY: header wheel bench bench-python bench-instructions kills powercut inject survival ffi-deps test-deps

build: tools
	cargo build --release --lib
	ln -sf libmemmap.so $(RELEASE)/libmemmap.so.0

demo: build
	cd go && $(GO) build $(LINK) -o ../target/guide ./cmd/guide
	target/guide -create 4096 -write "Hello, mmap" -at 100 target/demo.bin
	target/guide target/demo.bin

# Which parts of files are in memory: target/mapview -h.
mapview: build
	cd go && $(GO) build $(LINK) -o ../target/mapview ./cmd/mapview

# What is skipped is told in the last line.
SKIPPED  = target/skipped.txt
test:
	@mkdir -p target && : > $(SKIPPED)
	@MEMMAP_SKIPPED=$(CURDIR)/$(SKIPPED) $(MAKE) --no-print-directory test-rust test-go test-bench test-compat test-python
	@tools/skipped $(SKIPPED)

test-rust: build
	cargo test --quiet -- --nocapture

test-go: build
	cd go && $(GO) vet ./... && $(GO) test -race $(GOTESTS) $(LINK) ./...

test-bench: build
	cd bench && $(GO) vet ./... && $(GO) test $(GOTESTS) $(LINK) ./...

# Without Python it says so, and nothing fails.
test-python: build
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

# Kills 500 holders of locks, writers and readers of cells; make test kills 60.
kills: build
	MEMMAP_ROUNDS=500 cargo test --quiet --test c_abi -- with_the_static_library::kills

# What is left when the power goes at so many moments, on each file system, and what others lose (as root).
CUTS = 2000
powercut: build
	MEMMAP_CUTS=$(CUTS) cargo test --test powercut -- --nocapture --include-ignored

# Has every system call of the library fail once, and keeps what was answered (as root).
inject: build
	MEMMAP_KEEP_ANSWERS=1 cargo test --quiet --test inject

# The drop-ins against the originals, which come through the Go module proxy.
test-compat: build
	cd tests/languages/compat && PATH="$(dir $(GO)):$$PATH" $(GO) test $(GOTESTS) .

check-format: tools
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps
	test -z "$$($(dir $(GO))gofmt -l go bench examples tests/languages/compat tests/packaging/go | tee /dev/stderr)"

header: tools
	cargo build --lib
	cp "$$(ls -t target/debug/build/libmemmap-*/out/memmap.h | head -n 1)" include/memmap.h
	$(MAKE) man

# A wheel that carries the library, in target/wheel, for every Python from 3.9 on.
wheel: build $(VENV)/ready
	rm -rf target/wheel/linux
	cd python && $(PYTHON) -m build --wheel --no-isolation --outdir ../target/wheel/linux >/dev/null
	cd target/wheel && PATH=$(VENV)/bin:$$PATH auditwheel repair --only-plat --wheel-dir . linux/*.whl
	@tools/wheel-tag target/wheel/*.whl

bench: build
	cd bench && $(GO) run $(LINK) .

bench-python: build $(VENV)/ready
	cd python && PYTHONPATH=. $(PYTHON) bench.py

# MEMMAP_KEEP_COUNTS=1 keeps the counts of now.
bench-instructions: build
	cargo test --quiet --test instructions -- --nocapture

survival: build
	cd bench && $(GO) run $(LINK) ./survival

# The runtimes that tests/languages/ffi uses where they are.
ffi-deps:
	tools/ffi-deps

# The same and all else that tests use where it is.
test-deps:
	tools/ffi-deps mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs cmake:cmake pkg-config:pkg-config git:git \
		groff:groff dpkg-shlibdeps:dpkg-dev lintian:lintian hexdump:bsdextrautils

tools:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs, then run make again" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing: install one (Debian: apt install build-essential), then run make again" >&2; exit 1; }
	@tools/go-toolchain >/dev/null

include packaging/install.mk packaging/dist.mk packaging/debian.mk packaging/abi.mk packaging/platforms.mk tests/proof.mk

clean:
	rm -rf target .tools
