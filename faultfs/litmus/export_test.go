package litmus

import "fmt"

// Plain tells all of a test but the lines that it was read from.
func Plain(t *Test) string {
	plain := *t
	clear := func(ops []Op) []Op {
		ops = append([]Op(nil), ops...)
		for i := range ops {
			ops[i].line = 0
		}
		return ops
	}
	plain.Setup, plain.Run = clear(t.Setup), clear(t.Run)
	plain.Expect = append([]Expectation(nil), t.Expect...)
	for i := range plain.Expect {
		plain.Expect[i].line = 0
	}
	return fmt.Sprintf("%#v", plain)
}
