package fuzz

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// Property tests repeat themselves, unless a seed is given: -rapid.seed 7. What has
// to last is a case: rapid passes over its own fail files once the draws change.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, "child:", child(dir))
		os.Exit(1)
	}
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.checks": "500", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
