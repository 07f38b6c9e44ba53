# The only verbs anyone must know. Each makes ready what it needs (scripts/setup) and says what it does.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Tools that scripts/setup installs are found there.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

target := $(or $(CARGO_TARGET_DIR),target)

# Folders to look at, several separated by blanks.
ROOTS ?= $(if $(wildcard $(HOME)/code/.),$(HOME)/code,$(abspath $(CURDIR)/..))

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Where `make run` answers.
LISTEN ?= 127.0.0.1:8100

.PHONY: run
run: ## start muster on the embedded defaults over ROOTS="DIR DIR" (default: ~/code if it exists, else the folder above this checkout)
	@scripts/setup toolchain fetch
	cargo build --release --locked --package muster
	@echo 'looking at: $(ROOTS)' >&2
	@exec $(target)/release/muster serve --listen $(LISTEN) $(ROOTS)

.PHONY: test
test: ## run all tests
	@scripts/setup toolchain nextest postgres redis fetch
	@cargo nextest run --workspace --locked

.PHONY: coverage
coverage: ## which lines of muster-cache its tests reach; fails under 90 %
	@scripts/setup toolchain nextest coverage postgres redis fetch
	@scripts/coverage muster-cache 90

.PHONY: check
check: ## format, lints, rules of the house, docs, licences, generated files; no network after the first time
	@scripts/setup toolchain deny fetch
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask tidy
	cargo xtask generate --check
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked --quiet
	cargo deny --offline --locked --log-level error check licenses bans sources

.PHONY: bench
bench: ## the numbers beside those of the peers, in one run (BENCH_ROOTS=DIR: your own repositories)
	@scripts/setup toolchain fetch
	cargo build --release --locked --package muster --package muster-bench
	@MUSTER_BIN="$${MUSTER_BIN:-$(target)/release/muster}" $(target)/release/muster-bench

.PHONY: docs
docs: ## write the generated files anew
	@scripts/setup toolchain fetch
	cargo xtask generate

.PHONY: advisories
advisories: ## known vulnerabilities of the crates we use; needs the network for the RustSec database
	@scripts/setup toolchain deny fetch
	@if cargo deny --locked fetch db; then \
	  cargo deny --offline --locked check advisories; \
	else \
	  echo 'advisories: the RustSec database is out of reach, so nothing was checked. Try again with a network.' >&2; \
	  exit 1; \
	fi

.PHONY: compare
compare: ## set what muster says of every checkout below ROOTS beside what git says
	@scripts/setup toolchain fetch
	@scripts/compare-status $(ROOTS)

.PHONY: clean
clean: ## remove what was built
	cargo clean
