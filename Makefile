# Everything that is run here is built from source at a pinned version: a fresh
# machine needs Go and nothing else.
LINT      = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.13.0
FUZZTIME ?= 30s
SEEDS    ?= 2 3 4 5 6 7 8 9
TESTLIBS  = testing|github.com/stretchr/testify|pgregory.net/rapid|github.com/leanovate/gopter

.PHONY: check test race fuzz soak bench lint cover vet production

# check is all that has to hold before a change goes in.
check: test vet production lint race

test:
	go test ./...

race:
	go test -race -short ./...

vet:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	cd bench && go vet ./...

# production proves that no package outside tests imports a test library.
production:
	@! go list -deps ./... | grep -E '^($(TESTLIBS))(/|$$)' || { echo "imported by a production package: go list -deps"; exit 1; }

lint:
	$(LINT) run ./...

# fuzz runs each native fuzz target for FUZZTIME.
fuzz:
	@for f in $$(go test -list '^Fuzz' ./fuzz | grep '^Fuzz'); do \
		echo "== $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./fuzz || exit 1; done

# soak explores other workloads than the default one, and kills the store on the
# real disk 200 times.
soak:
	CRASHSIM_KILLS=200 go test -count=1 -run 'Kill' -v ./store
	go build -o crashsim ./cmd/crashsim
	for seed in $(SEEDS); do ./crashsim run store --seed $$seed || exit 1; done

bench:
	go test -run '^$$' -bench . -benchtime 1x ./faultfs ./store
	cd bench && go test -run '^$$' -bench . -benchtime 3x -timeout 30m .

cover:
	go test -coverprofile cover.out ./...
	go tool cover -func cover.out | tail -1
