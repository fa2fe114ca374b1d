# Everything that CI runs is `make check`. Each module has its own go.mod.
MODULES := . benchmarks examples/routers examples/gin examples/echo examples/fiber examples/tracing
# Its dependencies, a whole database among them, take minutes to build with the race detector.
REAL := e2e
# Its judges require modules that cannot all be resolved, so it cannot be tidied.
JUDGES := conformance

GOFUMPT     := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: check format vet test budgets benchonce storm conformance e2e next fuzz bench bench-check bench-document bench-multiproc bench-multiproc-document documents vuln

## check: what must hold before a change lands
check: format vet test budgets benchonce conformance e2e next vuln

## format: no file that gofumpt would change, no go.mod that go mod tidy would
format:
	@out=$$($(GOFUMPT) -l .); if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi
	@set -e; for m in $(MODULES) $(REAL); do (cd $$m && go mod tidy -diff); done

## vet: go vet and staticcheck, on 64 and 32 bits, and on the other systems
vet:
	@set -e; for m in $(MODULES) $(REAL) $(JUDGES); do (cd $$m && go vet ./... && $(STATICCHECK) ./...); done
	GOARCH=386 go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	GOOS=freebsd go build ./...

## test: all tests, with the race detector, in random order
test:
	@set -e; for m in $(MODULES); do (cd $$m && go test -race -shuffle=on ./...); done

## budgets: the tests of allocations, sizes and inlining, which need a plain build,
## pointer checks, and a run on 32 bits
budgets:
	@set -e; for m in $(MODULES); do (cd $$m && go test -shuffle=on ./...); done
	go test -gcflags=all=-d=checkptr ./internal/...
	GOARCH=386 go test ./internal/... ./metric/... .

## benchonce: each benchmark once, so that none rots
benchonce:
	cd benchmarks && go test -run '^$$' -bench . -benchtime 1x ./...

## storm: KILLS processes killed at random moments while all are scraped; a tenth of it is
## in test already
KILLS ?= 5000
storm:
	EMBER_STORM_KILLS=$(KILLS) go test -run '^TestStorm$$' -count=1 -v -timeout 1h ./multiproc

## conformance: what is written, judged by parsers and a server that were not written here
conformance:
	cd conformance && go test -shuffle=on ./...

## e2e: real databases, caches and Prometheus servers, which the tests start and stop
e2e:
	cd $(REAL) && go test -shuffle=on ./...

## next: what has code of its own for the next version of Go, where that can be downloaded
NEXT ?= go1.27.0
next:
	@GOTOOLCHAIN=$(NEXT) go version 2>/dev/null || { echo "$(NEXT) cannot be had, skipped"; exit 0; }; \
	set -ex; export GOTOOLCHAIN=$(NEXT); go vet ./embersql/...; go test ./embersql/...; \
	cd $(REAL) && go test -run 'Databases|SQLite|Scanning' ./...

## fuzz: each fuzz target for FUZZTIME
FUZZTIME ?= 60s
fuzz:
	@set -e; for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; \
		done; \
	done

## bench: the rivals side by side; COUNT rounds, interleaved, of two minutes each, and
## two more for the million series of the rivals
COUNT ?= 10
bench:
	cd benchmarks && go run ./cmd/compare -count $(COUNT)

## bench-check: fails if a promised ratio is missed; not part of check, for machines are noisy
bench-check:
	cd benchmarks && go run ./cmd/compare -count $(COUNT) -check

## bench-document: measures, and writes the numbers into the documents
bench-document:
	cd benchmarks && go run ./cmd/compare -count $(COUNT) -o results.txt -document

## bench-multiproc: what it costs that many processes are scraped as one, in two minutes;
## fails if a promise is missed
bench-multiproc:
	cd benchmarks && go run ./cmd/compare -multiproc -count $(COUNT) -check

## bench-multiproc-document: the same, and writes the numbers into the documents
bench-multiproc-document:
	cd benchmarks && go run ./cmd/compare -multiproc -count $(COUNT) -o results-multiproc.txt -document

## documents: the same from the results as they are; a test wants no difference
documents:
	cd benchmarks && go run ./cmd/compare -from results.txt -document >/dev/null

## vuln: known vulnerabilities, where the database can be reached
vuln:
	@out=$$($(GOVULNCHECK) ./... 2>&1) && { echo "$$out"; exit 0; }; \
	case "$$out" in \
	*"exit status 3"*) echo "$$out"; exit 1;; \
	*) echo "govulncheck could not run, skipped: $$(echo "$$out" | tail -1)";; \
	esac
