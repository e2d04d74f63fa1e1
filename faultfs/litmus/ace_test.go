package litmus_test

import (
	"strings"
	"testing"

	"crashsim/faultfs/litmus"
)

// The published number, and how it comes about: parameters of each operation, and
// the syncs that may follow.
func TestACEHasThePublishedNumber(t *testing.T) {
	count := map[string]int{}
	texts := map[string]bool{}
	tests := litmus.ACE()
	for _, test := range tests {
		op, _, _ := strings.Cut(strings.TrimPrefix(test.About[0], "ACE: "), " ")
		count[op]++
		texts[strings.ReplaceAll(test.String(), test.Name, "")] = true
	}
	if len(tests) != 328 || len(texts) != 328 {
		t.Errorf("%d workloads, %d of them different, want 328", len(tests), len(texts))
	}
	for op, want := range map[string]int{
		"creat":       2 * 4,
		"mkdir":       4,
		"falloc":      2 * 5 * 3 * 4,
		"write":       2 * 3 * 4,
		"dwrite":      2 * 2 * 4,
		"mmapwrite":   2 * 2 * 4,
		"link":        4 + 4*7 + 4, // of two files in one folder 4 syncs, else 7
		"unlink":      4 * 4,
		"remove":      4 * 4,
		"rename":      4 + 4*7 + 4 + 4, // and of a folder
		"fsetxattr":   2 * 4,
		"removexattr": 2 * 4,
		"truncate":    2 * 2 * 4,
	} {
		if count[op] != want {
			t.Errorf("%s: %d workloads, want %d", op, count[op], want)
		}
	}
}

// Some of them as the published files have them.
func TestACEWorkloads(t *testing.T) {
	all := map[string]bool{}
	for _, test := range litmus.ACE() {
		_, ops, _ := strings.Cut(test.String(), "  run\n")
		all[strings.Join(strings.Fields(ops), " ")] = true
	}
	for _, want := range []string{
		"create foo fsyncdir . returned",
		"create foo create bar fsync bar returned",
		"mkdir A create A/foo fsyncdir A returned",
		"mkdir A mkdir B fsyncdir B returned",
		"create foo append foo aa fallocate foo 32768 32768 zero-range fsync foo returned",
		"mkdir A create A/foo append A/foo aa fallocate A/foo 0 5000 keep-size punch-hole create A/bar fsync A/bar returned",
		"create foo append foo aa fallocate foo 30768 5000 sync returned",
		"create foo append foo aa write foo 30768 b:5000 fsync foo returned",
		"create foo syncwrite foo 0 bb fsync foo returned",
		"mkdir A create A/foo link A/foo bar create foo fsync foo returned",
		"mkdir A create bar link bar A/bar fsyncdir . returned",
		"create foo unlink foo create foo fsync foo returned",
		"mkdir A create foo rename foo A/bar create bar fsync bar returned",
		"mkdir A rename A B mkdir A fsyncdir A returned",
		"create foo setxattr foo removexattr foo sync returned",
		"mkdir A create A/foo append A/foo aa truncate A/foo 2500 fsyncdir A returned",
	} {
		if !all[want] {
			t.Errorf("no workload %q", want)
		}
	}
}
