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
GUEST_SOAK ?= 1
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

BUILD_CONTAINER = CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION) -linkmode external -extldflags -static'

# In control groups of its own, where those of whoever runs it are to be left alone.
OWN = go run ./test/own --

.DEFAULT_GOAL = build
.PHONY: build container programs run test check fmt vet staticcheck lanes test-vm vuln readme soak bench fuzz clean

build:
	@mkdir -p $(BIN)
	$(BUILD) -o $(BIN)/ ./cmd/...
	@$(MAKE) --no-print-directory container

# The one program with cgo, for tasks with walls. Static: its init runs in root
# file systems that have no C library, or another.
container:
	@mkdir -p $(BIN)
	@if ! echo 'int main(void) { return 0; }' | gcc -static -x c -o /dev/null - 2>/dev/null; then \
		echo "$(BIN)/dewar-container is not built: there is no gcc with a static C library (Debian: gcc, libc6-dev); tasks with isolation will not start"; \
		rm -f $(BIN)/dewar-container; exit 0; \
	fi; \
	tags="netgo osusergo"; \
	if pkg-config --exists libseccomp 2>/dev/null; then tags="$$tags seccomp"; else \
		echo "$(BIN)/dewar-container is built without seccomp (Debian: libseccomp-dev, pkg-config): tasks with isolation have to say seccomp: none"; \
	fi; \
	set -x; $(BUILD_CONTAINER) -tags "$$tags" -o $(BIN)/ ./cmd/dewar-container

# What tests run: the same programs, once more with crash points, and what boots guests.
programs: build
	@mkdir -p $(BIN)/crashpoints
	$(BUILD) -tags crashpoints -o $(BIN)/crashpoints/ ./cmd/...
	@mkdir -p $(BIN)/test
	$(BUILD) -o $(BIN)/test/ ./test/chaos/payload ./test/vm

run: build
	@BIN=$(BIN) bash examples/run.sh

# What fails of little is run once more, and said (test/lanes).
test:
	$(OWN) go run ./test/lanes -race=false -lanes root

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
	$(OWN) go run ./test/lanes

test-vm:
	go run ./test/lanes -lanes v2,v1,hybrid,user-v2,systemd,user-systemd

# A database that cannot be reached is said; a known hole fails.
vuln:
	@bash test/vuln.sh $(GOVULNCHECK)

# The two commands that the README begins with.
readme:
	$(OWN) $(MAKE) --no-print-directory run </dev/null
	$(MAKE) --no-print-directory test </dev/null

# SOAK times the repetitions of make check, in guests GUEST_SOAK times, and what
# they saw written down. SOAK_ARGS picks: -in 'view v1,guest v2' -run RE.
soak:
	@$(OWN) go run ./test/soak/report -times $(SOAK) -guest-times $(GUEST_SOAK) -file docs/reliability.md $(SOAK_ARGS)

bench: build
	$(OWN) go run ./test/bench -bin $(BIN) -json docs/bench.json -doc docs/performance.md

fuzz:
	@bash test/fuzz.sh $(FUZZTIME)

clean:
	rm -rf $(BIN)
