package faultfs

// Untied gives a model with a rule that has no effect of its own, but that nothing
// can be tied any more.
func Untied(m Model) Model {
	m.Order = append(m.Order[:len(m.Order):len(m.Order)], Order{Before: ClassData, After: 0, Scope: ScopeAll})
	return m
}
