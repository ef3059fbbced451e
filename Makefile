# The commands of this project. `make demo` and `make test` are all that a fresh machine needs:
# git, make, a C and C++ compiler and Rust must be there; what else is missing gets installed.

# Outside the clone, so that RocksDB is compiled once for each machine and not once for each clone.
CACHE_HOME := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)
export CARGO_TARGET_DIR ?= $(CACHE_HOME)/raftlens/target

# One profile for running, testing and measuring, for the same reason.
CARGO := cargo
PROFILE := --release --locked

.PHONY: charts demo test test-jaeger test-browser mutants check bench loom miri fuzz questions setup soak bench-reads pictures

## Start a three-store cluster, read through every path, and draw what ran into out/.
demo: setup
	$(CARGO) run $(PROFILE) --bin raftlens -- demo

## Do the charts say what the code does, and what the demonstration did?
charts: demo
	$(CARGO) run $(PROFILE) --bin raftlens -- check dot/ --source core/src --trace out/traces.otlp.jsonl

## Draw the pictures of the charts again.
pictures: setup
	UPDATE_GOLDENFILES=1 $(CARGO) test $(PROFILE) --test chart_pictures

## Run all tests.
test: setup loom
	$(CARGO) test $(PROFILE) --workspace
	$(CARGO) test $(PROFILE) -p raftlens-core --features sim --lib --test sim --test mutants

## Send traces to a real Jaeger and read them back. Builds Jaeger once, if Go is there to do it.
test-jaeger: setup
	@sh .ci/jaeger

## The same charts in Chromium, rsvg-convert and resvg with three fonts: text stays in its box; and in
## Mermaid's own parser. Says SKIPPED for a viewer, a script's font or a parser that is not installed.
test-browser: setup
	$(CARGO) test $(PROFILE) -p raftlens-viz --features pdf --test viewers --test mermaid_parser -- --ignored --nocapture

## Every interleaving of the leader's lease between its raft thread and two readers, and of what
## threads do to a block of the flight recorder.
loom: setup
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/loom RUSTFLAGS="--cfg loom" \
		$(CARGO) run $(PROFILE) --manifest-path tracer/loom/Cargo.toml
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/loom RUSTFLAGS="--cfg loom" \
		$(CARGO) run $(PROFILE) --manifest-path core/loom/Cargo.toml

## The flight recorder in an interpreter that finds undefined behaviour and races: what has `unsafe` in
## it, and what threads do without locks. Needs nightly Rust with Miri, and says SKIPPED without.
miri: setup
	@if ! $(CARGO) +nightly miri --version >/dev/null 2>&1; then \
		echo "SKIPPED: there is no Miri, NOTHING was tried in it." \
			"To have it: rustup toolchain install nightly --component miri,rust-src" >&2; \
		exit 0; \
	fi; \
	miri() { CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/miri MIRIFLAGS=-Zmiri-disable-isolation \
		$(CARGO) +nightly miri test --locked -p raftlens-tracer --no-default-features "$$@"; }; \
	miri --features recorder --lib recorder:: && \
	miri --features recorder --test flight_recorder -- threads_and calls_without hand_overs open_traces && \
	miri --features otel,recorder --test recorder_front_ends -- in_a_tee contexts_come

## The flight recorder at full load for ten minutes.
soak: setup
	RAFTLENS_SOAK_SECONDS=600 $(CARGO) test $(PROFILE) -p raftlens-tracer --test soak -- --nocapture

## Take away each safety rule in turn, and see who notices; about three minutes.
mutants: setup
	$(CARGO) test $(PROFILE) -p raftlens-core --features sim --test mutants

## A minute for each reader of trace files, for DOT, for Rust source and for the layout to meet any bytes; needs nightly Rust and cargo-fuzz.
## Without `cfg(fuzzing)`, under which the tokens of Rust source have no lines.
fuzz: setup
	for crate in tracer viz; do cd $$crate && for target in $$($(CARGO) +nightly fuzz list); do \
		mkdir -p fuzz/corpus/$$target; \
		CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz $(CARGO) +nightly fuzz run --no-cfg-fuzzing --sanitizer none \
			$$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=60 || exit 1; \
	done; cd ..; done
	cd viz && mkdir -p fuzz-layout/corpus/place && \
		CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz $(CARGO) +nightly fuzz run --no-cfg-fuzzing --fuzz-dir fuzz-layout \
			--sanitizer none place fuzz-layout/corpus/place fuzz-layout/seeds/place -- -max_total_time=60

## What must be clean besides the tests: formatting, lints, documentation.
check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(PROFILE) --workspace --all-targets -- -D warnings
	$(CARGO) clippy $(PROFILE) -p raftlens-core --features sim --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(PROFILE) --workspace --no-deps

## Draw the pictures of dot/QUESTIONS.md again, from simulated runs.
questions: setup
	$(CARGO) run $(PROFILE) --bin raftlens -- sim --question all -o dot/questions

## Measure; see BENCHMARKS.md.
bench: setup
	$(CARGO) bench --locked -p raftlens-core --bench read_path
	$(CARGO) bench --locked -p raftlens-tracer --bench ingest
	$(CARGO) bench --locked -p raftlens --bench spans
	$(CARGO) bench --locked -p raftlens-tracer --bench recorder
	$(CARGO) bench --locked -p raftlens-core --features sim --bench sim
	$(CARGO) bench --locked -p raftlens-viz --bench layout
	$(CARGO) bench --locked -p raftlens-viz --features source --bench source
	$(CARGO) bench --locked -p raftlens-viz --features source --bench views

## What the flight recorder costs a store, against the same program without instrumentation.
bench-reads: setup
	program() { $(CARGO) bench --locked --bench recorded_reads --no-run "$$@" 2>&1 \
		| sed -n 's/.*Executable.*(\(.*\))/\1/p'; }; \
	peer=$$(program --features compiled-out) && "$$(program)" --compiled-out "$$peer" $(ARGS)

## Install what a build needs and is missing.
setup:
	@sh .ci/setup
