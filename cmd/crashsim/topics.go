package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"crashsim/faultfs"
)

// topics are what "crashsim help" tells beside the commands.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "models", Short: "what a power cut may take, by file system", Long: modelsTopic()},
		{Use: "cases", Short: "the files in which findings are kept", Long: casesTopic},
		{Use: "records", Short: "run.json, and what reads it", Long: recordsTopic},
		{Use: "exit-codes", Short: "what scripts go by", Long: exitCodesTopic},
	}
}

func modelsTopic() string {
	var b strings.Builder
	b.WriteString(`A persistence model says what of the operations on a disk a power cut may take
back: how an operation splits into parts, which part reaches the disk before which,
and what a sync covers. crashsim explores every disk that the model of --model allows.

A pass under a model is a pass under every model that allows no more. posix allows
whatever no sync has promised, so it is the one to run first; the others show whether
a finding can happen on a file system that you have.

`)
	for _, m := range faultfs.Models() {
		fmt.Fprintf(&b, "%s\n    %s\n    source: %s\n", m.Name, m.Doc, m.Source)
		if len(m.Within) > 0 {
			fmt.Fprintf(&b, "    allows no more than: %s\n", strings.Join(m.Within, ", "))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// faultPlans is a part of the help of faults, which is a command, too.
const faultPlans = `A plan of faults says which calls to the disk fail, and how. It is one line: faults
parted by semicolons, each as conditions, a colon, and what happens:

    fsync path=*.jsonl nth=3: EIO
    write after=10 p=0.5: short=1 ENOSPC
    rename site=store/snapshot.go: done EIO; write: room=4096

All conditions of a fault have to hold, and are asked in their order. !, | and
brackets combine them.

    write, fsync, rename, ...  the kind of call; any: every kind
    path=GLOB                  the file's path, or its last part
    site=TEXT, via=TEXT        the line that asks, or one that called it
    nth=N, after=N             the N-th call that came so far, or each after that
    p=X                        a share of them, drawn from the plan's seed

After the colon stands an errno, such as EIO, ENOSPC, EDQUOT or EROFS, alone or after
what is done nevertheless:

    done                       all of it is done, and reported as failed
    short=0, 1, sector, allbut1, N    so much of it is done
    torn-head, torn-tail       half of a write reaches the disk
    both                       a rename leaves the file with both names
    lost, misdirect=N, stale   success is reported, and something else was done
    mode=NAME                  the fsync fails as a file system does it
    room=N, size=N             the disk fills up
    readonly, shutdown         the disk turns read-only, or answers no more
    flip=N, zero=N             stored bits are damaged
    evict, delay=TIME          memory drops what is stored; the call takes longer`

const casesTopic = `A case is a finding that can be repeated: one text file, to read and to keep in a
repository. crashsim replay carries it out, without a search.

    crashsim case 1                       the form, and its version
    target: seedstore                     the store, as crashsim list shows it
    model: posix                          the persistence model: crashsim help models
    seed: 7                               of the run that found it
    depth: 2                              and its crashes inside recovery
    failure: the store refuses to open    what went wrong
    plan: fsync nth=3: EIO                faults, where there are some: crashsim help
    strikes: workload                     faults has the form; and when they strike
    op: event r1 runtime_started - 120    the workload, a line for each operation
    crash: workload at 14                 a crash: in workload, recovery or probes,
                                          after so many entries of the trace: what was
                                          asked of the disk, and each operation's
                                          beginning and answer; "at end"; "kill" if
                                          only the process ends
    lost: 12.0                            what it took: operation and part, counted
                                          from 0
    last: recovery                        where the failure shows

    the report, as it was printed, after an empty line

A line that is not understood is an error. Line ends may be those of Windows. Cases
of a mended store belong into a folder testdata/cases: crashsim soak begins with all
of them.`

const recordsTopic = `A run, soak or audit leaves run.json in its artifacts folder: one JSON object, beside
the cases. It is written whole or not at all. crashsim report shows it.

    format, version             "crashsim record" and 1; a reader passes over fields
                                that it does not know
    command, crashsim           who wrote it
    began, seconds              when, and how long it took
    target, target_doc          the store
    settings                    models, seed, ops, max_states, depth, keep_going,
                                workers; more: those of one command alone
    verdict, interrupted        passed, failed or inconclusive
    counters                    rounds, ops, crash_points, states, unique_states,
                                recoveries, capped
    findings                    each with number, kind, sentence, seen, case (its
                                file), models (that allow it), barrier (the sync that
                                it lacks)
    not_searched                sentences: what a pass does not cover
    environment                 go, os, arch, cpus
    models, faults, audit       tables, where there are some: note, columns, and rows
                                of cells with text and state (good, bad, open)
    probes                      how often what should happen now and then did
    throughput                  counts at moments of the run`

const exitCodesTopic = `0    passed: everything was explored, and nothing was found; of replay and shrink:
     the failure does not come any more
1    a bug was found, and its case is written, or it is told why that could not be;
     of replay: it came again
2    wrong usage: the command line, a file or a folder; nothing was done
3    the harness broke: its canary was wrong, the store did two things on one disk,
     a replay differs from its file, or the record of a pass could not be written
4    inconclusive: a cap was reached, or nothing was explored; that is no pass
130  interrupted by SIGINT or SIGTERM; what was explored until then is printed`
