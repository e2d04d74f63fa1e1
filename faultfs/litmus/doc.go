// Package litmus asks persistence models small questions: what may a power cut
// leave after these few operations? A test is text (docs/litmus.md): a disk to
// begin with, operations, and what each model is expected to allow. [Run] gives
// the exact set of disks for each model, at each moment; [Corpus] has the tests
// that are published.
package litmus
