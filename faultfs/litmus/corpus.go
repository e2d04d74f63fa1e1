package litmus

import (
	"embed"
	"path"
	"slices"
)

//go:embed corpus/*.litmus
var corpus embed.FS

// Corpus gives the tests that come with crashsim, by file, and after them ACE's
// workloads of one operation ([ACE]).
func Corpus(models []string) ([]*Test, error) {
	list, err := corpus.ReadDir("corpus")
	if err != nil {
		return nil, err
	}
	var tests []*Test
	for _, e := range list {
		name := path.Join("corpus", e.Name())
		text, err := corpus.ReadFile(name)
		if err != nil {
			return nil, err
		}
		more, err := Parse(name, string(text), models)
		if err != nil {
			return nil, err
		}
		tests = append(tests, more...)
	}
	return slices.Concat(tests, ACE()), nil
}
