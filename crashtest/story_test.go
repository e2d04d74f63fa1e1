package crashtest_test

import (
	"errors"
	"strings"
	"testing"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

func tell(t *testing.T, f flaws, c *crashtest.Case) *crashtest.Story {
	t.Helper()
	s, err := c.Tell(toyTarget(f))
	if err != nil {
		t.Fatal(err)
	}
	if s.Report != c.Report || s.Failure == nil || s.Failure.Kind != c.Kind || s.Sentence != c.Sentence(toyTarget(f)) {
		t.Fatalf("another story than the case's:\n%s%s\n%s", s.Sentence, s.Report, c.Report)
	}
	return s
}

// What a story says of each part of an operation is what the syncs in its trace
// say: durable is what a later sync of its file covered, lost what the case names.
func TestStoryTellsWhatBecameOfEachPart(t *testing.T) {
	for name, f := range flawed {
		t.Run(name, func(t *testing.T) {
			for _, found := range findings(t, f) {
				s := tell(t, f, found.Case)
				if len(s.Chapters) != len(found.Scenario.Crashes)+1 {
					t.Fatalf("%d chapters, and %d crashes", len(s.Chapters), len(found.Scenario.Crashes))
				}
				for i := range s.Chapters {
					checkChapter(t, &s.Chapters[i])
					if i < len(found.Scenario.Crashes) {
						checkLost(t, &s.Chapters[i], &found.Scenario.Crashes[i])
					}
				}
			}
		})
	}
}

// Under every model a story loses what its case says.
func TestStoriesOfAllModels(t *testing.T) {
	for _, m := range faultfs.Models() {
		for _, f := range []flaws{{noSync: true}, {noDirSync: true}} {
			cfg := crashtest.Defaults()
			cfg.Model, cfg.Ops = m, 6
			r, err := crashtest.Run(t.Context(), toyTarget(f), cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range r.Findings {
				s := tell(t, f, found.Case)
				for i := range found.Scenario.Crashes {
					checkLost(t, &s.Chapters[i], &found.Scenario.Crashes[i])
				}
				allowed := found.AllowedBy(toyTarget(f))
				if allowed[0] != m.Name {
					t.Errorf("%s: allowed by %q", m.Name, allowed)
				}
				if m.Name != faultfs.POSIX.Name { // which allows most
					continue
				}
				for _, name := range allowed { // carried out there, it fails
					again, _ := faultfs.ModelNamed(name)
					cfg.Model = again
					if r, err := crashtest.Run(t.Context(), toyTarget(f), cfg); err != nil || len(r.Findings) == 0 {
						t.Errorf("%s: allowed by %s, under which nothing is found: %v", m.Name, name, err)
					}
				}
			}
		}
	}
}

// What needs nothing to be lost happens under every model, and a name that was not
// synced is not lost where a sync of the file covers it.
func TestAllowedBy(t *testing.T) {
	for name, c := range map[string]struct {
		flaws   flaws
		allowed map[string]bool // of some
	}{
		"no crash":         {flaws{deaf: true}, map[string]bool{"ext3-journal": true, "btrfs": true}},
		"nothing lost":     {flaws{grows: true}, map[string]bool{"ext3-journal": true, "ext4-ordered": true, "posix": true}},
		"name of a file":   {flaws{noDirSync: true}, map[string]bool{"ext3-journal": false, "ext4-ordered": false, "posix": true, "posix-weakest": true}},
		"bytes of a write": {flaws{noSync: true}, map[string]bool{"posix": true, "posix-weakest": true}},
	} {
		cfg := crashtest.Defaults()
		cfg.Ops = 30
		r, err := crashtest.Run(t.Context(), toyTarget(c.flaws), cfg)
		if err != nil || len(r.Findings) == 0 {
			t.Fatal(name, err)
		}
		all := map[string]bool{}
		for _, f := range r.Findings {
			for _, m := range f.AllowedBy(toyTarget(c.flaws)) {
				all[m] = true
			}
		}
		for m, want := range c.allowed {
			if all[m] != want {
				t.Errorf("%s: under %s %t, want %t", name, m, all[m], want)
			}
		}
	}
}

func checkChapter(t *testing.T, ch *crashtest.Chapter) {
	t.Helper()
	covered := map[crashtest.PartOf]int{}
	for i, s := range ch.Steps {
		for _, at := range s.Covers {
			covered[at]++
			if at.Step >= i || s.Op.Kind != faultfs.OpSync && s.Op.Kind != faultfs.OpSyncDir {
				t.Errorf("%s covers %v", s.Text, at)
			}
		}
	}
	for i, s := range ch.Steps {
		for k, p := range s.Parts {
			synced := false
			for _, later := range ch.Steps[i+1:] {
				synced = synced || later.Op.Kind.IsSync() && later.Op.Ino == p.Effect.Ino
			}
			if durable := p.Fate == crashtest.Durable; durable != synced || durable != (covered[crashtest.PartOf{Step: i, Part: k}] == 1) {
				t.Errorf("%s is %s; synced since: %t; covered %d times", p.Text, p.Fate, synced, covered[crashtest.PartOf{Step: i, Part: k}])
			}
			if lane := ch.Lanes[p.Lane]; lane.Ino != p.Effect.Ino {
				t.Errorf("%s is in the lane of %s", p.Text, lane.Name)
			}
		}
	}
}

func checkLost(t *testing.T, ch *crashtest.Chapter, c *crashtest.Crash) {
	t.Helper()
	type place struct{ at, part int }
	want := map[place]bool{}
	for _, l := range c.Lost {
		want[place{l.At, l.Part}] = true
	}
	bytes := int64(0)
	for _, s := range ch.Steps {
		for _, p := range s.Parts {
			if lost := p.Fate == crashtest.Gone; lost != want[place{p.Effect.At, p.Effect.Part}] {
				t.Errorf("%s is %s", p.Text, p.Fate)
			} else if lost && !p.Effect.Garbage {
				bytes += p.Effect.Len
			}
		}
	}
	if ch.Crash == nil || ch.Crash.Kill != c.Kill || ch.Crash.Lost != len(c.Lost) {
		t.Fatalf("the crash is told as %+v", ch.Crash)
	}
	for _, w := range ch.Crash.Writes {
		for _, s := range w.Lost {
			bytes -= s.End - s.Off
		}
	}
	if bytes != 0 {
		t.Errorf("%d lost bytes are in no write", bytes)
	}
	if len(c.Lost) == 0 != (len(ch.Crash.Files) == 0) {
		t.Errorf("%d lost, and other than they were: %v", len(c.Lost), ch.Crash.Files)
	}
}

func TestSentences(t *testing.T) {
	for _, c := range []struct {
		flaws flaws
		say   string
	}{
		{flaws{noSync: true}, "acknowledged operation 1 (line 0 xxx"},
		{flaws{noSync: true}, ") is lost: log grew on the disk without 511 of 1023 bytes written to it at 0, which was not synced."},
		{flaws{noDirSync: true}, "is lost: log was synced, its name in the top folder was not."},
		{flaws{noCut: true}, "The store refuses to open: log "},
		{flaws{noSyncAtOpen: true}, ", which was not synced, in a crash of recovery."},
		{flaws{deaf: true}, "gives a wrong answer."},
	} {
		var said []string
		for _, found := range findings(t, c.flaws) {
			said = append(said, tell(t, c.flaws, found.Case).Sentence)
		}
		if all := strings.Join(said, "\n"); !strings.Contains(strings.ToLower(all), strings.ToLower(c.say)) {
			t.Errorf("%+v: no %q in\n%s", c.flaws, c.say, all)
		}
	}
}

// Of a store that was mended, a story tells how it comes through.
func TestStoryOfAStoreThatComesThrough(t *testing.T) {
	found := findings(t, flaws{noCut: true})[0]
	s, err := found.Tell(toyTarget(flaws{}))
	if errors.Is(err, crashtest.ErrDiverged) {
		return
	}
	if err != nil || s.Failure != nil || !strings.Contains(s.Sentence, "comes through") || len(s.Diff) > 0 {
		t.Errorf("%v: %+v", err, s)
	}
}
