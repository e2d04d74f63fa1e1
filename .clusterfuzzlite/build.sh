#!/bin/bash -eu
# Builds each native fuzz target for ClusterFuzzLite or OSS-Fuzz: as a libFuzzer
# binary, by the base image's compile_native_go_fuzzer. Seeds of go test -fuzz are
# of another form than libFuzzer's, and are not taken along.
cd "$SRC/crashsim"
printf 'package fuzz\n\nimport _ "github.com/AdamKorcz/go-118-fuzz-build/testing"\n' > fuzz/register.go
go mod tidy
grep -rhoE '^func Fuzz[A-Za-z0-9]+' fuzz/*_test.go | cut -d' ' -f2 | while read -r target; do
  compile_native_go_fuzzer crashsim/fuzz "$target" "$target"
done
