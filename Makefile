# The commands of the README. Each installs what it needs, builds, fetches the models and works; a second run starts in seconds.
SHELL := /bin/bash
PROFILE ?= default
ARGS ?=
RELEASE := target/release/tongchuan
DEBUG := $(or $(CARGO_TARGET_DIR),target)/debug/tongchuan
NODE_MODULES := tests/web/node_modules/.package-lock.json

.PHONY: help serve demo test page web bench models deps test-deps lint screenshots
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

serve: $(RELEASE) models ## start the server (ARGS="--listen 0.0.0.0:8720" for other machines)
	$(RELEASE) serve --profile $(PROFILE) $(ARGS)

demo: $(RELEASE) models ## a merchant and a buyer talk; prints what each hears and how long it took
	$(RELEASE) demo --profile $(PROFILE) $(ARGS)

models: $(RELEASE) ## download, verify and convert the models (PROFILE=lite for small machines)
	$(RELEASE) models pull --profile $(PROFILE)

test: lint $(DEBUG) ## everything a contributor needs to know that it works
	$(DEBUG) models pull default
	$(DEBUG) models pull lite
	cargo test
	$(MAKE) --no-print-directory web

page: test-deps $(NODE_MODULES) ## the phone page: types and unit tests
	cd tests/web && npm run --silent check && npm run --silent unit

web: page $(DEBUG) ## the phone page, and two phones in a real browser
	$(DEBUG) models pull default
	cd tests/web && npm run --silent e2e

screenshots: test-deps $(NODE_MODULES) $(DEBUG) ## draw the pictures of the README again
	$(DEBUG) models pull default
	cd tests/web && npm run --silent screenshots

lint: deps
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet

bench: $(RELEASE) models ## speed of every stage, and quality per language
	cargo bench --bench stages
	cargo bench --bench quality

deps:
	@./.ci/deps

# A browser to test with is nothing that a server needs.
test-deps:
	@./.ci/deps test

$(NODE_MODULES): tests/web/package-lock.json | test-deps
	cd tests/web && npm ci --no-audit --no-fund
	@touch $@

# Cargo knows best what is up to date.
.PHONY: $(RELEASE) $(DEBUG)
$(RELEASE): deps
	cargo build --release

# With a test: `cargo build` alone would take its libraries without the features that only tests want, and the tests build them, and the
# program, again.
$(DEBUG): deps
	cargo test --no-run --test cli
