package crashtest

import (
	"strings"
	"testing"
)

// Each text has one number and comes back as it was; texts of the same lines in
// another order, or that end otherwise, are others.
func TestInterner(t *testing.T) {
	t.Run("lines", func(t *testing.T) { internTexts(t, newInterner()) })
	t.Run("short", func(t *testing.T) { internTexts(t, newShortInterner()) })
}

func internTexts(t *testing.T, in *interner) {
	ids := map[stateID]string{noState: "none"}
	for _, text := range []string{"", "\n", "a", "a\n", "a\nb", "b\na", "a\nb\n", "b\na\n", "a\n\nb", "a\na\n", strings.Repeat("x\n", 300)} {
		id := in.id(text)
		if was, known := ids[id]; known {
			t.Errorf("%q has the number of %q", text, was)
		}
		if ids[id] = text; in.text(id) != text || in.id(strings.Clone(text)) != id {
			t.Errorf("%q comes back as %q, and then has the number %d, before %d", text, in.text(id), in.id(text), id)
		}
	}
}
