# Paddock's commands. `make` alone lists them.
#
# Everything is built once, in one profile: the demo, the tests and the benches share it.

SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON := .setup/venv/bin/python
DEMO_PACKAGES := -p camera-agent -p cluster-analyzer -p cloud-trends -p scenes -p tests
SOURCE ?=

.PHONY: help setup build console console-test demo test bench fmt lint clean-state

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## install what is needed (Debian packages, ONNX Runtime, the detector, an S3 server)
	@deploy/setup

# What the page is made of; its build is skipped where none of it has changed.
CONSOLE_SOURCES := $(shell find console -path console/node_modules -prune -o -path console/dist -prune -o -type f -print)

console: console/dist/index.html ## build the page, which cargo then puts into cluster-analyzer

console/node_modules/.package-lock.json: console/package-lock.json
# Not `npm ci`: it refuses a lock file that does not name the tools of every other platform.
	cd console && npm install --no-save --no-audit --no-fund

console/dist/index.html: console/node_modules/.package-lock.json $(CONSOLE_SOURCES)
	cd console && npm run --silent build

build: setup console ## build every program
	cargo build --locked $(DEMO_PACKAGES) --bins

demo: build ## the whole system on this machine, in two minutes; SOURCE=rtsp://… or a file watches that
	@target/debug/demo $(if $(SOURCE),--source '$(SOURCE)')

fmt: ## format
	cargo fmt --all

lint: setup console ## formatting, clippy and the compose file, as `make test` checks them
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	deploy/check-compose
	cd console && npm run --silent check

test: lint ## everything that has to hold; the last lines are the test runner's
	@command -v cargo-nextest >/dev/null || cargo install --locked cargo-nextest
	$(PYTHON) -m unittest discover -s deploy
	cargo build --locked --workspace --bins
	cd console && npm run --silent test
	cargo nextest run --locked --workspace

console-test: build ## the page's tests alone: a browser over the real programs
	cd console && npm run --silent check && npm run --silent test

bench: build ## figures of one run, as docs/benchmarks.md has them
	@target/debug/bench

clean-state: ## forget what demo and tests left (not what was built)
	rm -rf demo-out target/scenes
