package keyvalue

import (
	"os"
	"strings"
	"testing"
)

// What the README shows is the test that runs.
func TestReadmeShowsTheTest(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("keyvalue_test.go")
	if err != nil {
		t.Fatal(err)
	}
	const from = "// driven takes"
	_, shown, ok := strings.Cut(string(source), from)
	if !ok || !strings.Contains(string(readme), from+shown) {
		t.Errorf("README.md does not show keyvalue_test.go as it is, from %q on", from)
	}
}
