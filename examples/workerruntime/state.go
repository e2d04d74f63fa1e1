package workerruntime

import (
	"hash/crc32"
	"strconv"

	"crashsim/store"
)

// ofRecovery tells whether a diagnostic is one by which a recovery tells what it
// set aside: a worker that was never made whole, or the end of a log.
func ofRecovery(d store.Diagnostic) bool {
	return d.Code == store.CodeWorkerIgnored || d.Code == store.CodeTailIgnored
}

// Longer texts are printed as their beginning, length and checksum.
const (
	wholeText = 40
	beginning = 24
)

// printer writes what a runtime holds for people to read and compare. Every field
// of every type is in it.
type printer struct {
	b  []byte
	rt int // the runtime that it is about
}

// state prints a runtime, a fact to a line. Diagnostics of a recovery are left
// out, and ids of diagnostics count without them.
func (p *printer) state(s *store.State) {
	r := &s.Snapshot
	p.add("runtime ").runtime(r.RuntimeID).add(" ").word(r.Status).add(" display ").optional(r.DisplayName)
	p.add(" schema ").number(uint64(r.SchemaVersion)).add(" backend ").word(r.Backend)
	p.add(" limits ").signed(r.Limits.MaxEventBatchItems).add(" ").signed(r.Limits.MaxTranscriptProjectionItems).line()
	ignored := uint64(count(r.Diagnostics, ofRecovery))
	p.add("  next worker ").number(r.NextWorkerSequence).line()
	p.add("  next event ").number(r.NextEventID).line()
	p.add("  next diagnostic ").number(r.NextDiagnosticID - ignored).line()
	for _, key := range sortedKeys(r.ConfigBundles) {
		p.bundle(key, r.ConfigBundles[key])
	}
	ignored = 0
	for i := range r.Diagnostics {
		if d := &r.Diagnostics[i]; ofRecovery(*d) {
			ignored++
		} else {
			p.add("  diagnostic ").number(d.ID - ignored).add(" ").word(d.Severity).add(" ").word(d.Code)
			p.add(" ").ref(d.WorkerRef).add(" ").text(d.Message).line()
		}
	}
	for i := range s.Events {
		p.add("  event ").event(&s.Events[i]).line()
	}
	for i := range s.Workers {
		p.worker(&s.Workers[i])
	}
}

func (p *printer) bundle(key string, b store.ConfigBundle) {
	m := &b.Metadata
	p.add("  bundle ").word(key).add(" id ").word(m.ID).add(" digest ").text(m.Digest).add(" ").text(m.Revision)
	p.add(" ").text(m.WorkspaceID).add(" created ").text(m.CreatedAt).line()
	p.add("    ").text(m.Provenance.Source).add(" ").optional(m.Provenance.Detail).line()
	for _, f := range b.Profiles {
		p.add("    profile ").profile(&f.Selector).add(" label ").optional(f.Label).line()
	}
	for _, d := range b.Declarations {
		p.add("    declares ").word(d.Kind).add(" ").text(d.Name).add(" ").text(d.Reference).line()
	}
}

func (p *printer) worker(w *store.Worker) {
	s := &w.Snapshot
	p.add("  worker ").id(s.WorkerID).add(" ref ").ref(&s.WorkerRef).add(" ").word(s.Status)
	p.add(" schema ").number(uint64(s.SchemaVersion)).add(" last event ").number(s.LastEventID)
	p.line()
	p.add("    next entry ").number(s.NextTranscriptSequence).line()
	q := &s.Request
	p.add("    asked ").word(q.Intent.Kind).add(" objective ").optional(q.Intent.Objective)
	p.add(" role ").optional(q.Intent.Role).add(" purpose ").optional(q.Intent.Purpose).line()
	p.add("    as ").profile(&q.Profile)
	if c := q.ConfigBundle; c != nil {
		p.add(" with bundle ").text(c.ID).add(" ").text(c.Digest)
	}
	for _, c := range q.RequestedCapabilities {
		p.add(" capability ").text(c.Name).add(" ").optional(c.Reason)
	}
	for _, n := range q.WorkspaceRefs {
		p.add(" workspace ").text(n.Name).add(" ").text(n.Reference)
	}
	for _, n := range q.MountRefs {
		p.add(" mount ").text(n.Name).add(" ").text(n.Reference)
	}
	p.line()
	for i := range w.Transcript {
		p.add("    entry ").entry(&w.Transcript[i], s.WorkerID).line()
	}
}

func (p *printer) event(e *store.Event) *printer {
	return p.number(e.ID).add(" ").word(e.Kind.Kind).add(" ").ref(e.WorkerRef).add(" ").text(e.Message)
}

// entry prints an entry of the transcript of the worker with that id.
func (p *printer) entry(e *store.TranscriptEntry, id string) *printer {
	p.number(e.Sequence).add(" ").word(e.Role).add(" at event ").number(e.EventID)
	if e.WorkerRef.RuntimeID != runtimeAliases[p.rt].ID || e.WorkerRef.WorkerID != id {
		p.add(" of ").ref(&e.WorkerRef)
	}
	return p.add(" ").text(e.Content)
}

func (p *printer) profile(f *store.Profile) *printer {
	return p.word(f.Kind).add(" ").optional(f.Value)
}

// ref prints a worker of this runtime by its alias, one of another with both.
func (p *printer) ref(r *store.WorkerRef) *printer {
	if r == nil {
		return p.add("-")
	}
	if r.RuntimeID != runtimeAliases[p.rt].ID {
		p.runtime(r.RuntimeID).add("/")
	}
	return p.id(r.WorkerID)
}

func (p *printer) runtime(id string) *printer { return p.alias(runtimeAliases[:], id) }

func (p *printer) id(id string) *printer { return p.alias(workerAliases[:], id) }

func (p *printer) alias(aliases []Alias, id string) *printer {
	if i := indexOf(aliases, id, aliasID); i >= 0 {
		return p.add(aliases[i].Name)
	}
	return p.quote(id)
}

func (p *printer) optional(s *string) *printer {
	if s == nil {
		return p.add("-")
	}
	return p.text(*s)
}

// text prints a text that no other text prints as, barring equal checksums.
func (p *printer) text(s string) *printer {
	if len(s) <= wholeText {
		return p.quote(s)
	}
	at := len(p.b)
	p.b = append(p.b, s...)
	sum := p.checksum(at)
	p.b = p.b[:at]
	return p.quote(s[:beginning]).add("+").number(uint64(len(s))).add("#").hex(sum)
}

// word prints what is one of a few words, in quotes if it is not one at all.
func (p *printer) word(s string) *printer {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9') {
			return p.quote(s)
		}
	}
	if s == "" {
		return p.quote(s)
	}
	return p.add(s)
}

func (p *printer) add(s string) *printer {
	p.b = append(p.b, s...)
	return p
}

func (p *printer) line() { p.b = append(p.b, '\n') }

func (p *printer) quote(s string) *printer {
	p.b = strconv.AppendQuote(p.b, s)
	return p
}

func (p *printer) number(n uint64) *printer {
	p.b = strconv.AppendUint(p.b, n, 10)
	return p
}

func (p *printer) signed(n int) *printer {
	p.b = strconv.AppendInt(p.b, int64(n), 10)
	return p
}

func (p *printer) checksum(from int) uint32 { return crc32.ChecksumIEEE(p.b[from:]) }

func (p *printer) hex(sum uint32) *printer {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		p.b = append(p.b, digits[sum>>shift&0xf])
	}
	return p
}
