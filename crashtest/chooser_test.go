package crashtest_test

import (
	"fmt"
	"slices"
	"testing"

	"crashsim/crashtest"
)

func TestExhaustiveMakesEveryChoiceOnce(t *testing.T) {
	var got []string
	for c := range crashtest.Exhaustive() {
		text := ""
		for range c.Choose(3) { // as many letters as the first says
			text += string(rune('a' + c.Choose(2)))
		}
		got = append(got, text)
	}
	if want := []string{"", "a", "b", "aa", "ab", "ba", "bb"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestExhaustiveStops(t *testing.T) {
	n := 0
	for c := range crashtest.Exhaustive() {
		if n++; c.Choose(10) == 4 {
			break
		}
	}
	if n != 5 {
		t.Errorf("%d choosers", n)
	}
}

// Bytes are read as people write digits, and any bytes will do.
func TestFromBytes(t *testing.T) {
	c := crashtest.FromBytes([]byte("0124\x2f\xff00" + "01" + "9"))
	for i, want := range []struct{ n, v int }{
		{5, 0}, {5, 1}, {1, 0}, {5, 2}, {3, 1}, {256, 255}, {256, 207}, {1000, 0}, {1000, 1}, {7, 2}, {7, 0}, {1 << 40, 0},
	} {
		if v := c.Choose(want.n); v != want.v {
			t.Errorf("choice %d of %d: %d, want %d", i, want.n, v, want.v)
		}
	}
}

func TestRecorded(t *testing.T) {
	r := &crashtest.Recording{Chooser: crashtest.Seeded(7)}
	draw := func(c crashtest.Chooser) (text string) {
		for n := 1; n < 2000; n *= 3 {
			text += fmt.Sprint(c.Choose(n), " ")
		}
		return text
	}
	want := draw(r)
	if got := draw(crashtest.Recorded(r.Choices)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c := crashtest.Recorded([]int{-1, 10})
	if a, b, end := c.Choose(3), c.Choose(3), c.Choose(3); a != 2 || b != 1 || end != 0 {
		t.Error(a, b, end)
	}
}
