# Everything that is run here is built from source at a pinned version: a fresh
# machine needs Go and nothing else.
LINT      = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.13.0
FUZZTIME ?= 30s
SOAK     ?= 30m
TESTLIBS  = testing|github.com/stretchr/testify|pgregory.net/rapid|github.com/leanovate/gopter

.PHONY: check test race fuzz corpus planted soak bench browser lint cover vet production mutation audit nightly

# check is all that has to hold before a change goes in.
check: test vet production lint race

test:
	go test -timeout 30m ./...

race:
	go test -race -short -timeout 40m ./...

vet:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	go vet -tags mutation ./store
	cd bench && go vet ./...
	cd examples/browser && go vet ./...

# production proves that no package outside tests imports a test library, but for
# the two whose only purpose is other people's tests.
FORTESTS = ^crashsim/crashtest/(fuzztest|rapidtest)$$
production:
	@packages=$$(go list ./...) && deps=$$(go list -deps $$(echo "$$packages" | grep -vE '$(FORTESTS)')) && \
		! echo "$$deps" | grep -E '^($(TESTLIBS))(/|$$)' || { echo "imported by a production package, or no list of what is: go list -deps ./..."; exit 1; }

lint:
	$(LINT) run ./...

# fuzz runs each native fuzz target for FUZZTIME. Minimising what is merely new to
# the fuzzer takes most of its time unless it is held to few executions.
fuzz:
	@for f in $$(go test -list '^Fuzz' ./fuzz | grep '^Fuzz'); do \
		echo "== $$f"; GOGC=400 go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x ./fuzz || exit 1; done

# corpus makes the seeds of the fuzz targets, and fails if they leave more than 15%
# of the store's statements unvisited.
corpus:
	go run ./fuzz/corpus
	go test ./fuzz -run Fuzz -coverpkg=./store,./faultfs,./crashtest -coverprofile cover.out
	@awk '/^crashsim\/store\// { n[$$1] = $$2; if ($$3 > 0) hit[$$1] = $$2 } \
		END { for (k in n) { all += n[k]; some += hit[k] }; printf "%.1f%% of the statements in ./store\n", 100*some/all; exit some < 0.85*all }' cover.out

# planted plants bugs in the store, one at a time, and prints a table of how long
# each way of testing takes to find them.
planted:
	go run ./fuzz/planted

# soak kills the store on the real disk 200 times, and a soak 20 times, and damages
# store folders at rest a million times; then it explores the store for SOAK.
soak:
	CRASHSIM_KILLS=200 go test -count=1 -run 'Kill' -v ./store
	CRASHSIM_KILLS=20 go test -count=1 -timeout 30m -run 'TestSoakSurvivesKills' -v ./cmd/crashsim
	CRASHSIM_DAMAGES=1000000 go test -count=1 -timeout 2h -run 'DamageAtRest' -v ./examples/workerruntime
	go run ./cmd/crashsim soak store --duration $(SOAK) --artifacts "$$(mktemp -d)"

# mutation deletes each barrier from a copy of the store's source, one at a time,
# and wants a test to fail for it. audit makes each mistake with each barrier of the
# running store.
mutation:
	go test -tags mutation -run '^TestDeletedBarriers$$' -count=1 -v -timeout 60m ./store

# nightly is what takes too long for each change. A probe that does not fire fails it.
nightly: audit mutation soak
	go run ./cmd/crashsim run store --probes examples/workerruntime/probes.txt --artifacts "$$(mktemp -d)"

audit:
	go run ./cmd/crashsim audit store --artifacts "$$(mktemp -d)"

bench:
	go test -run '^$$' -bench . -benchtime 1x ./faultfs ./store
	cd bench && go test -run '^$$' -bench . -benchtime 3x -timeout 30m .

cover:
	go test -coverprofile cover.out ./...
	go tool cover -func cover.out | tail -1

# browser tests the pages in a headless chromium, which it installs on Debian
# where there is none. To look at them: make browser CRASHSIM_SCREENSHOTS=FOLDER.
browser:
	@command -v chromium >/dev/null || { echo "installing chromium and chromium-driver, from Debian"; \
		apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver; }
	cd examples/browser && CRASHSIM_SCREENSHOTS=$(CRASHSIM_SCREENSHOTS) go test -count=1 -timeout 15m .
