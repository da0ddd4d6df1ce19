# Khamxa. `make help` lists what there is. Go is the only toolchain; what some targets need besides is installed by .ci/require.

GO   ?= go
DATA ?= data
LISTEN ?= 127.0.0.1:8080

# Tools, pinned here and not in go.mod: golangci-lint would pull hundreds of modules into go.sum. It brings gofumpt v0.12.0 and goimports.
GOLANGCI    := v2.15.0
TYPESCRIPT  := 7.0.2
LINT        := bin/golangci-lint-$(GOLANGCI)

# HL7's published examples of R4, 5,305 resources, as an npm package; the checksum is the registry's own.
EXAMPLES     := hl7.fhir.r4.examples@4.0.1
EXAMPLES_TGZ := .cache/hl7.fhir.r4.examples-4.0.1.tgz
EXAMPLES_SUM := DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw==

# What judges us in `make conformance`: npm packages of other people's making. Their lock file pins each by version and SHA-512.
JUDGES      := fhir/conformance/js
JUDGES_NODE := .cache/judges

# A binary carries its revision. Where git does not answer (an archive, somebody else's checkout), Go must not ask it.
export GOFLAGS := -buildvcs=$(if $(shell git rev-parse HEAD 2>/dev/null),auto,false) $(GOFLAGS)

# Packages whose tests have parts behind a build tag: what starts a browser, and what breaks the store on purpose.
tagged = $(sort $(dir $(addprefix ./,$(shell grep -rlE --include='*_test.go' --exclude-dir=.git --exclude-dir=.cache '^//go:build $(1)$$' . | sed 's,^\./,,'))))

.DEFAULT_GOAL := help
.PHONY: help run build test check e2e bench conformance types lint fmt vet arch unit race faults tools clean

help: ## what there is
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

build: ## the program, in bin/khamxa
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/khamxa ./cmd/khamxa

# The population is made beside the data folder and moved there when it is whole: an interrupted start leaves no half of one.
run: build ## the service with a demo population, on http://127.0.0.1:8080
	@if [ -z "$$(ls -A '$(DATA)' 2>/dev/null)" ]; then \
		set -e; rm -rf .cache/seed; mkdir -p .cache; \
		bin/khamxa seed --data .cache/seed --patients 2000 --months 24 --seed 1; \
		if [ -d '$(DATA)' ]; then rmdir '$(DATA)'; fi; mkdir -p "$$(dirname '$(DATA)')"; mv .cache/seed '$(DATA)'; \
	fi
	@exec bin/khamxa serve --demo --data '$(DATA)' --listen '$(LISTEN)'

test: ## everything that must pass: vet, import rules, all tests with -race, faults, the browser tests
	@.ci/require gcc chromium
	@$(MAKE) --no-print-directory vet
	@$(MAKE) --no-print-directory arch
	@$(MAKE) --no-print-directory race
	@$(MAKE) --no-print-directory faults
	@$(MAKE) --no-print-directory e2e

check: ## the quick loop before a commit: format, lint, import rules, tests without -race
	@$(MAKE) --no-print-directory vet
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit

vet:
	$(GO) vet ./...
	$(GO) vet -tags 'e2e faultpoint conformance' ./...

arch: ## import rules, size budgets, package comments
	$(GO) test ./internal/archtest

unit:
	$(GO) test -short ./...

race:
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 15m ./...

# The crash tests must be able to fail: with a defect built in, they do.
faults:
	$(GO) test -tags faultpoint -timeout 10m $(call tagged,faultpoint)

# One package at a time: each starts browsers and a media process, which want both processors.
e2e: ## the story in a real Chromium
	@.ci/require chromium
	$(GO) test -tags e2e -p 1 -count=1 -timeout 10m $(call tagged,e2e)

bench: ## Go benchmarks of the hot paths
	$(GO) test -run '^$$' -bench . -benchmem ./...

conformance: $(EXAMPLES_TGZ) $(JUDGES_NODE)/node_modules ## HL7's 5,305 examples, HL7's FHIRPath, another's client and hostile input against the service
	KHAMXA_EXAMPLES='$(CURDIR)/$(EXAMPLES_TGZ)' KHAMXA_NODE='$(CURDIR)/$(JUDGES_NODE)' \
		$(GO) test -tags conformance -count=1 -timeout 15m $(call tagged,conformance)

$(JUDGES_NODE)/node_modules: $(JUDGES)/package.json $(JUDGES)/package-lock.json
	@command -v npm >/dev/null || { echo "make conformance needs npm (Node.js 20 or newer) to fetch what judges it: install it." >&2; exit 1; }
	@mkdir -p $(JUDGES_NODE) && cp $^ $(JUDGES_NODE)
	cd $(JUDGES_NODE) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(EXAMPLES_TGZ):
	@command -v npm >/dev/null || { echo "make conformance needs npm (Node.js) to fetch $(EXAMPLES): install it." >&2; exit 1; }
	@mkdir -p .cache/fetch
	cd .cache/fetch && npm pack --silent '$(EXAMPLES)' >/dev/null
	@sum=$$(node -p 'require("crypto").createHash("sha512").update(require("fs").readFileSync(process.argv[1])).digest("base64")' .cache/fetch/$(@F)); \
		[ "$$sum" = '$(EXAMPLES_SUM)' ] || { echo "$(EXAMPLES): the checksum is $$sum, not the pinned one." >&2; exit 1; }
	@mv .cache/fetch/$(@F) $@

types: .cache/typescript-$(TYPESCRIPT) ## type check of the pages' TypeScript (needs npm)
	$</node_modules/.bin/tsc -p tsconfig.json

.cache/typescript-$(TYPESCRIPT):
	@command -v npm >/dev/null || { echo "make types needs npm (Node.js) to fetch TypeScript $(TYPESCRIPT): install it." >&2; exit 1; }
	@rm -rf $@.new && mkdir -p $@.new
	npm install --silent --no-audit --no-fund --prefix $@.new typescript@$(TYPESCRIPT)
	@mv $@.new $@

lint: $(LINT) ## the lint list of .golangci.yml, and the format
	$(LINT) run ./...
	$(LINT) fmt --diff

fmt: $(LINT) ## format the sources (gofumpt, goimports)
	$(LINT) fmt

tools: $(LINT) ## install the pinned tools into bin

$(LINT):
	@mkdir -p bin
	GOBIN='$(CURDIR)/bin' $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	@mv bin/golangci-lint $@

clean: ## what can be made again; data stays
	rm -rf bin .cache
