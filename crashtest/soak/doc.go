// Package soak explores a store for as long as it is let: round after round, each
// a [crashtest.Run] of its own small workload, under its own settings.
//
// A round is known by its number. All that it does comes from the soak's seed and
// that number (see [Mix]), so a round repeats, a soak that was killed goes on where
// it was, and shards that share out the numbers do together what one soak would
// have done, and nothing twice. Regression cases come first, then the corpus, then
// swarm testing: each round leaves out some kinds of operations and leans on some
// choices, since a workload that has a little of everything gets nowhere far.
//
// What a round came to is one line of a journal, on the disk before it is shown.
// Findings are grouped by their cause.
package soak
