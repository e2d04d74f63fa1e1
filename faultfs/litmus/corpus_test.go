package litmus_test

import (
	"testing"

	"crashsim/faultfs"
	"crashsim/faultfs/litmus"
)

func modelNames() []string {
	var names []string
	for _, m := range faultfs.Models() {
		names = append(names, m.Name)
	}
	return names
}

// Every test of the corpus, under every model.
func TestCorpus(t *testing.T) {
	tests, err := litmus.Corpus(modelNames())
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range tests {
		if testing.Short() && test.File == "ACE" && i%8 > 0 {
			continue
		}
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			r, err := litmus.Run(test, faultfs.Models())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Failures {
				t.Errorf("%s: %s, expected %s: missing %q, extra %q", f.Where, f.Model, f.Expect, f.Missing, f.Extra)
			}
			for _, e := range r.Unknown {
				t.Errorf("%s: too many disks to say", e)
			}
		})
	}
}
