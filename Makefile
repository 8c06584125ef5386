# make            static programs in bin/
# make run        … and then examples/webstack.yaml
# make test       the tests, quickly
# make check      all that CI checks
# make test-vm    of the tests, those that need other kernels, in guests
# make soak       the long repetitions; results in docs/reliability.md
# make bench      the measurements, beside their peers; results in docs/performance.md and docs/bench.json
# make fuzz       each fuzz test for FUZZTIME

BIN      ?= bin
FUZZTIME ?= 60s
SOAK     ?= 10
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

.DEFAULT_GOAL = build
.PHONY: build programs run test check fmt vet staticcheck lanes test-vm vuln readme soak bench fuzz clean

build:
	@mkdir -p $(BIN)
	$(BUILD) -o $(BIN)/ ./cmd/...

# What tests run: the same programs, once more with crash points, and what boots guests.
programs: build
	@mkdir -p $(BIN)/crashpoints
	$(BUILD) -tags crashpoints -o $(BIN)/crashpoints/ ./cmd/...
	@mkdir -p $(BIN)/test
	$(BUILD) -o $(BIN)/test/ ./test/chaos/payload ./test/vm

run: build
	@BIN=$(BIN) bash examples/run.sh

test:
	go test ./...

check: fmt vet staticcheck lanes vuln readme
	@echo "make check: all is well"

fmt:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted (run gofmt -w .): $$bad"; exit 1; fi

vet:
	go vet ./...
	go vet -tags crashpoints ./...

staticcheck:
	@go run $(STATICCHECK) -version || { echo "staticcheck could not be fetched or built; the Go module proxy has to be reachable once"; exit 1; }
	go run $(STATICCHECK) ./...

# The tests with the race detector, as root and as an ordinary user; and in guests.
lanes:
	go run ./test/lanes

test-vm:
	go run ./test/lanes -lanes v2,v1,hybrid,user-v2,systemd,user-systemd

# A database that cannot be reached is said; a known hole fails.
vuln:
	@bash test/vuln.sh $(GOVULNCHECK)

# The two commands that the README begins with.
readme:
	$(MAKE) --no-print-directory run </dev/null
	$(MAKE) --no-print-directory test </dev/null

# SOAK times the repetitions of make check, and what they saw written down.
soak:
	@go run ./test/soak/report -times $(SOAK) -file docs/reliability.md

bench: build
	go run ./test/bench -bin $(BIN) -json docs/bench.json -doc docs/performance.md

fuzz:
	@bash test/fuzz.sh $(FUZZTIME)

clean:
	rm -rf $(BIN)
