// Command corpus makes the seed corpora of the fuzz targets: go run ./fuzz/corpus
// from the root of the repository. They are the same each time. What a fuzzer has
// found stands beside them under other names, and is left alone.
package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

const dir = "fuzz/testdata/fuzz"

// prefix tells seeds from what fuzzers have found, which they name by a hash.
const prefix = "seed-"

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

// write replaces all seeds.
func write() error {
	if _, err := os.Stat("fuzz/corpus"); err != nil {
		return fmt.Errorf("%w: run it in the root of the repository", err)
	}
	old, err := filepath.Glob(filepath.Join(dir, "*", prefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for target, seeds := range corpora() {
		if err := os.MkdirAll(filepath.Join(dir, target), 0o777); err != nil {
			return err
		}
		for i, seed := range seeds {
			path := filepath.Join(dir, target, fmt.Sprintf("%s%03d", prefix, i))
			if err := os.WriteFile(path, []byte(seed), 0o666); err != nil {
				return err
			}
		}
	}
	return nil
}

// corpora gives the entries of each target.
func corpora() map[string][]string {
	return map[string][]string{
		"FuzzCrash":  digits(1, 120, 24, 24),
		"FuzzRun":    digits(2, 8, 24),
		"FuzzLife":   digits(3, 300, 120),
		"FuzzDisk":   digits(4, 60, 120),
		"FuzzFiles":  storeFiles(),
		"FuzzCase":   texts(cases...),
		"FuzzModel":  texts(models()...),
		"FuzzLitmus": texts(litmusTests()...),
		"FuzzPlan":   texts(plans...),
		"FuzzValues": values(),
	}
}

// digits makes entries of so many bytes each, which choose among the first few of
// everything and can be read.
func digits(seed uint64, n int, sizes ...int) (list []string) {
	r := rand.New(rand.NewPCG(seed, 0))
	for range n {
		var args []any
		for _, size := range sizes {
			b := make([]byte, size)
			for i := range b {
				b[i] = byte('0' + r.IntN(1+r.IntN(40)))
			}
			args = append(args, b)
		}
		list = append(list, entry(args...))
	}
	return list
}

func texts(list ...string) (out []string) {
	for _, s := range list {
		out = append(out, entry(s))
	}
	return out
}

// entry writes arguments as go test -fuzz keeps them.
func entry(args ...any) string {
	var b strings.Builder
	b.WriteString("go test fuzz v1\n")
	for _, arg := range args {
		switch v := arg.(type) {
		case []byte:
			fmt.Fprintf(&b, "[]byte(%q)\n", v)
		case string:
			fmt.Fprintf(&b, "string(%q)\n", v)
		case uint64:
			fmt.Fprintf(&b, "uint64(%d)\n", v)
		case byte:
			fmt.Fprintf(&b, "byte(%q)\n", rune(v))
		default:
			panic(errors.ErrUnsupported)
		}
	}
	return b.String()
}
