package crashtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"crashsim/faultfs"
)

// startsAndKnown goes through the crashes of the workload without faults. What fails
// there needs no fault. Of the disks that they leave it takes one for each way that
// recovery goes, the first ones, and at last the disk at the end.
func (m *matrix) startsAndKnown(ctx context.Context) (starts []*faultStartDisk) {
	ways := map[uint64]bool{}
	var last *job
	for j := range powerCuts(m.plain, m.cfg.Model) {
		if ctx.Err() != nil {
			return nil
		}
		m.explorer.allow(m.maxStates())
		j.aftermath = m.explorer.after(j.Cut, twice, false)
		m.explorer.tasks.work(m.cfg.Workers, nothing)
		for _, d := range j.disks {
			if found := m.oracle.judge(d.visit, j.allowed, twice); found != nil {
				s := newSuspect(m.plain, j, d.lost, found)
				m.known[s.cause()] = true
				m.fails = true
				continue
			}
			if w := d.visit.way; !ways[w] && d.visit.failed == nil {
				ways[w] = true
				starts = append(starts, m.startAt(j, d.lost))
			}
		}
		last = j
	}
	m.res.Ways = len(starts)
	if spread := m.cfg.Starts; len(starts) > spread {
		some := starts[:0:0]
		for i := range spread {
			some = append(some, starts[i*len(starts)/spread])
		}
		starts = some
	}
	if last != nil && m.cfg.Starts > 0 {
		starts = append(starts, m.startAt(last, newLossSet(len(last.Pending))))
	}
	m.res.Starts = len(starts)
	return starts
}

func (m *matrix) startAt(j *job, lost lossSet) *faultStartDisk {
	b := newBranch(m.plain, j.Cut)
	s := &faultStartDisk{
		crash: Crash{In: InWorkload, At: j.At, Lost: b.lost(lost), last: b.last}, op: j.op,
		image: func() *faultfs.Sim { return j.Image(lost.kept) }, closed: lost.len() == 0 && j.At == m.plain.trace.Len(),
	}
	for _, id := range j.allowed {
		s.set = append(s.set, m.ref.nodes[id])
	}
	return s
}

// atRest are damages of what is stored: bits all over each file, and each sector.
const (
	flipsOfFile = 32
	zerosOfFile = 16
)

// recoveryCalls lists what the recovery from a disk asks of it, and nothing where it
// fails without a fault.
func (m *matrix) recoveryCalls(s *faultStartDisk) []diskCall {
	b := m.begin(nil)
	b.list = true
	l := b.live(s.image(), s.set, nil)
	calls := l.watch.calls
	if l.failed != nil || len(calls) == 0 {
		return nil
	}
	harmless := m.begin(faultfs.Plan{{When: calls[0].when(), What: faultfs.Action{Deed: faultfs.Delay}}})
	if harmless.live(s.image(), s.set, nil).failed != nil {
		return nil // nor here, where more is asked after it
	}
	return calls
}

// recoveryJobs gives a job for each fault at each call of the recovery from a disk,
// and for damage to each file that it opens.
func (m *matrix) recoveryJobs(s *faultStartDisk) []*faultJob {
	calls := m.recoveryCalls(s)
	sizes := map[string]int64{}
	jobs := faultJobs(calls, s)
	c := Seeded(derive(m.cfg.Seed, 4))
	disk := s.image()
	for i := range calls {
		call := &calls[i]
		if call.kind != faultfs.OpOpen && call.kind != faultfs.OpCreate || sizes[call.path] > 0 {
			continue
		}
		info, err := disk.Stat(call.path)
		if err != nil || info.Size() == 0 {
			continue
		}
		sizes[call.path] = info.Size()
		for n := range min(zerosOfFile, (info.Size()+511)/512) {
			jobs = append(jobs, atRest(call, s, faultfs.Action{Deed: faultfs.Zero, N: n}))
		}
		for range flipsOfFile {
			jobs = append(jobs, atRest(call, s, faultfs.Action{Deed: faultfs.Flip, N: int64(c.Choose(int(info.Size() * 8)))}))
		}
	}
	return jobs
}

func atRest(c *diskCall, s *faultStartDisk, a faultfs.Action) *faultJob {
	return &faultJob{plan: faultfs.Plan{{When: c.when(), What: a}}, row: a.Class(), start: s}
}

// judge says what came of a job, and makes suspects of its failures: one that needs
// no fault is none.
func (m *matrix) judge(j *faultJob) {
	name, lies := j.row, trustIn(j.plan) == lying
	if zeroes(j.plan) && !lies && (j.start == nil || !j.start.closed) {
		name, lies = name+", not closed", true
	}
	row := m.rows[name]
	if row == nil {
		row = &FaultRow{Class: name, Lying: lies, Outcome: map[Outcome]int{}}
		m.rows[name] = row
	}
	row.Tried++
	outcome, lost := Survived, false
	for _, t := range j.ways {
		if len(t.life.armed.Missed()) > 0 {
			row.Idle++
			m.res.Idle++
			if m.cfg.Plans != nil {
				m.res.Missed = append(m.res.Missed, j.plan.String())
			}
			return
		}
		lost = lost || t.life.lied
		s, lied := m.suspect(j, t)
		lost = lost || lied
		switch {
		case s == nil:
		case m.known[s.plainCause()]:
			m.res.Known++
		default:
			m.suspects = append(m.suspects, s)
			if outcome == Survived {
				outcome = outcomeOf(s.failure.Kind)
			}
		}
	}
	if outcome == Survived && lost {
		outcome = LostData
	}
	row.Outcome[outcome]++
}

// suspect gives the first failure of a trial, in its life or in a crash after it.
func (m *matrix) suspect(j *faultJob, t *faultTrial) (s *suspect, lied bool) {
	l := t.life
	sc := Scenario{Ops: l.ops, Plan: j.plan.String(), GoesOn: l.goesOn, Strikes: InWorkload, Last: InWorkload}
	life := InWorkload
	if j.start != nil {
		sc.Ops = m.ops[:j.start.op+1]
		sc.Strikes, sc.Last, life = InRecovery, InRecovery, InRecovery
		sc.Crashes = []Crash{j.start.crash}
	}
	struck := strikesIn(l)
	if l.failed != nil {
		if j.start == nil {
			sc.Ops = sc.Ops[:min(l.failOp+1, len(sc.Ops))]
		}
		return &suspect{scenario: sc, failure: l.failed, seen: 1, struck: struck}, false
	}
	for i := range t.crashes {
		b := &t.crashes[i]
		m.res.CrashPoints++
		for _, d := range b.disks {
			found, less := m.judgeDisk(l, d.visit, b.states)
			lied = lied || less
			if found == nil {
				continue
			}
			found = found.behind(Crash{In: life, At: b.at, Lost: b.lost(d.lost), last: b.last})
			sc.Crashes = append(sc.Crashes, found.path...)
			sc.Last = found.last
			return &suspect{scenario: sc, failure: found.failure, seen: 1, struck: struck}, lied
		}
	}
	return nil, lied
}

// judgeDisk judges a disk that a crash has left after a fault.
func (m *matrix) judgeDisk(l *faultLife, v *visit, right []stateID) (found *verdict, lied bool) {
	if l.trust == exact {
		return m.oracle.judge(v, right, twice), false
	}
	f, lied := l.judgeLeft(l.left(), l.truth, m.in, l.armed.Struck(), v.state, v.failed, v.noticed, right)
	if f != nil {
		found = &verdict{failure: f, last: InRecovery}
	}
	return found, lied
}

// judgeLeft judges a recovery on a disk that is damaged, or has lied.
func (s *session) judgeLeft(t trust, truth *truthLines, in *interner, strikes []faultfs.Strike, shown stateID, failed *Failure, noticed string, right []stateID) (f *Failure, lied bool) {
	switch {
	case failed != nil && (failed.Kind == Panicked || failed.Kind == Endless):
		return failed, false
	case failed != nil && s.names(failed.Detail, s.trace, strikes, t):
		return nil, false
	case failed != nil:
		return &Failure{Kind: Unnamed, Detail: failed.Detail}, false
	case slices.Contains(right, shown):
		return nil, false
	}
	return judgeState(t, truth, in, in.text(shown), noticed, right, places(s.states))
}

// strikes names what the faults of a plan have struck: the kind of call, and the lines
// of the store that asked for it.
type strikes struct {
	first string   // of them all, "" where none has struck
	each  []string // what each has struck first, in the plan's order
}

func strikesIn(l *faultLife) (s strikes) {
	s.each = make([]string, len(l.armed.Plan()))
	for _, st := range l.armed.Struck() {
		at := site{op: st.Call.Kind, stack: st.Call.Stack}.String()
		if s.first == "" {
			s.first = at
		}
		if s.each[st.Fault] == "" {
			s.each[st.Fault] = at
		}
	}
	return s
}

func compareRows(a, b FaultRow) int {
	if a.Lying != b.Lying {
		if a.Lying {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.Class, b.Class)
}

const pairRow = "two faults"

// pairs tries second faults after a first one.
func (m *matrix) pairs(ctx context.Context, singles []*faultJob) {
	if m.cfg.Pairs == 0 {
		return
	}
	var from []*faultJob
	for _, j := range singles {
		if len(j.plan) == 1 && len(j.ways) > 0 && j.ways[0].pairs > 0 {
			from = append(from, j)
			m.res.AllPairs += j.ways[0].pairs
		}
	}
	m.res.Pairs = m.run(ctx, fmt.Sprintf("pairs of faults (of %d)", m.res.AllPairs), m.pairJobs(from))
}

// pairJobs draws pairs, each as likely, or gives all.
func (m *matrix) pairJobs(from []*faultJob) (jobs []*faultJob) {
	drawn := map[int]bool{}
	c := Seeded(derive(m.cfg.Seed, 5))
	for len(drawn) < min(m.cfg.Pairs, m.res.AllPairs) && m.res.AllPairs > m.cfg.Pairs {
		drawn[c.Choose(m.res.AllPairs)] = true
	}
	at := 0
	for _, j := range from {
		n := j.ways[0].pairs
		var mine []int
		for k := range n {
			if len(drawn) == 0 || drawn[at+k] {
				mine = append(mine, k)
			}
		}
		at += n
		if mine != nil {
			jobs = append(jobs, m.secondFaults(j, mine)...)
		}
	}
	return jobs
}

// secondFaults gives those of the faults that may follow one.
func (m *matrix) secondFaults(j *faultJob, which []int) (jobs []*faultJob) {
	b := m.begin(j.plan)
	b.list = true
	l := b.live(faultfs.NewSim(), m.first, m.ops)
	strikes := l.armed.Struck()
	k := 0
	for i := range l.watch.calls {
		c := &l.watch.calls[i]
		if c.place <= strikes[0].Place {
			continue
		}
		for _, a := range honest(c.actions) {
			if len(which) > 0 && which[0] == k {
				which = which[1:]
				jobs = append(jobs, &faultJob{plan: faultfs.Plan{j.plan[0], {When: faultfs.Nth(c.place), What: a}}, row: pairRow})
			}
			k++
		}
	}
	return jobs
}
