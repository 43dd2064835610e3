# Paddock's commands. `make` alone lists them.
#
# Everything is built once, in one profile: the demo, the tests and the benches share it.

SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON := .setup/venv/bin/python
DEMO_PACKAGES := -p camera-agent -p cluster-analyzer -p cloud-trends -p scenes -p tests
SOURCE ?=

.PHONY: help setup build demo test bench fmt lint clean-state

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## install what is needed (Debian packages, ONNX Runtime, the detector, an S3 server)
	@deploy/setup

build: setup ## build every program
	cargo build --locked $(DEMO_PACKAGES) --bins

demo: build ## the whole system on this machine, in two minutes; SOURCE=rtsp://… or a file watches that
	@target/debug/demo $(if $(SOURCE),--source '$(SOURCE)')

fmt: ## format
	cargo fmt --all

lint: setup ## formatting, clippy and the compose file, as `make test` checks them
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	deploy/check-compose

test: lint ## everything that has to hold; the last lines are the test runner's
	@command -v cargo-nextest >/dev/null || cargo install --locked cargo-nextest
	$(PYTHON) -m unittest discover -s deploy
	cargo build --locked --workspace --bins
	cargo nextest run --locked --workspace

bench: build ## figures of one run, as docs/benchmarks.md has them
	@target/debug/bench

clean-state: ## forget what demo and tests left (not what was built)
	rm -rf demo-out target/scenes
