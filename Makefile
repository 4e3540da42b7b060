.DEFAULT_GOAL := help
.PHONY: help run test lint bench generate verify conformance fuzz torture soak load

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 14

run: ## start a server to try things with
	go run ./cmd/postern dev

test: ## run everything that must pass before a change lands
	scripts/test

lint: ## look for mistakes, with the pinned linter
	go tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners ./...

bench: ## measure everything in docs/performance.md, on both databases, beside floors and a peer
	scripts/test bench

generate: ## write the generated files again
	go run ./internal/tools/reference

verify: generate ## see that the generated files and go.mod are current
	go mod tidy -diff
	git diff --exit-code

conformance: ## drive the server with the official clients
	conformance/run

fuzz: ## fuzz each parser for FUZZTIME, 10s by default
	scripts/fuzz $(FUZZTIME)

torture: ## kill the server at a thousand random moments on each database; docs/reliability.md has the last figures
	scripts/torture

soak: ## keep a server busy for SOAK, an hour by default, and see that nothing grows
	SOAK=$(SOAK) scripts/torture soak

load: ## sign people in at three servers that come and go: LOAD, SIGNINS and REFRESHES a second, 30s, 200 and 2000 by default
	LOAD=$(LOAD) SIGNINS=$(SIGNINS) REFRESHES=$(REFRESHES) scripts/torture load
