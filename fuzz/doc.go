// Package fuzz has the native fuzz targets (go test -fuzz, or make fuzz), the
// property tests with rapid, and those with gopter on the real disk.
//
//   - FuzzCrash: bytes choose a workload, crashes in it, and what each loses; the store
//     comes back right ([crashsim/crashtest.Workload]). TestRapidCrash is the same by
//     draws.
//   - FuzzLife: bytes choose operations, power cuts, kills, faults and reopenings,
//     one after another. TestRapidStore is the same by draws.
//   - FuzzRun: bytes choose a workload, of which every crash is explored.
//   - FuzzFiles: bytes are a store's files. Open, Verify and Repair agree on them,
//     and give out no record that stands in none.
//   - FuzzValues: any records are refused, or come back.
//   - FuzzDisk: bytes choose what is asked of a simulated disk; its images agree.
//   - FuzzCase, FuzzModel, FuzzLitmus, FuzzPlan: any text is refused, or is written
//     and read back the same.
//   - TestGopterRealDisk, TestGopterKill: programs on the real disk, in a process
//     that is killed.
//
// In bytes that choose, '0' is the simplest choice ([crashsim/crashtest.FromBytes]).
// What fails is shrunk to a case in testdata/cases, which TestCases replays from then
// on; what go test -fuzz keeps in testdata/fuzz it runs again itself. Seeds are made by
// the command in corpus. The command in planted plants bugs in the store and tells how
// soon they are found.
//
// A store of one's own is fuzzed by crashsim/crashtest/fuzztest and
// crashsim/crashtest/rapidtest.
package fuzz
