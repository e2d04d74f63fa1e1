package store

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
)

// The laws of what is written: each goes there and back.

func laws(t *testing.T, more func(*gopter.Properties)) {
	t.Helper()
	params := gopter.DefaultTestParametersWithSeed(1)
	params.MinSuccessfulTests, params.Workers = 500, 2
	properties := gopter.NewProperties(params)
	more(properties)
	properties.TestingRun(t)
}

// anyID makes ids that a store takes: up to the longest, of any characters.
var anyID = gen.AnyString().Map(func(s string) string {
	for len(s) > maxIDBytes {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}).SuchThat(func(s string) bool { return checkID("test", "id", s) == nil })

func TestLawsOfFolders(t *testing.T) {
	laws(t, func(p *gopter.Properties) {
		p.Property("an id's folder leads back to it, and is a name that every disk takes", prop.ForAll(func(id string) bool {
			folder := folderOf(id)
			back, ok := idOf(folder)
			return ok && back == id && len(folder) <= maxNameBytes && strings.ToLower(folder) == folder && !strings.ContainsAny(folder, "/.\x00")
		}, anyID))
		p.Property("what leads to an id is that id's folder and no other", prop.ForAll(func(name string) bool {
			id, ok := idOf(name)
			return !ok || folderOf(id) == name
		}, gen.OneGenOf(gen.AnyString(), gen.RegexMatch(`id-[0-9a-fA-F]{0,8}`))))
	})
}

// anyEvent is derived both ways: an event of its parts, and the parts of an event,
// by which gopter shrinks it.
var anyEvent = gopter.DeriveGen(
	func(id uint64, kind int, message, worker string) Event {
		e := Event{ID: id, Kind: EventKind{eventKinds[kind]}, Message: message}
		if worker != "" {
			e.WorkerRef = &WorkerRef{RuntimeID: "r", WorkerID: worker}
		}
		return e
	},
	func(e Event) (uint64, int, string, string) {
		worker := ""
		if e.WorkerRef != nil {
			worker = e.WorkerRef.WorkerID
		}
		for kind, name := range eventKinds {
			if name == e.Kind.Kind {
				return e.ID, kind, e.Message, worker
			}
		}
		return e.ID, 0, e.Message, worker
	},
	gen.UInt64Range(0, maxID), gen.IntRange(0, len(eventKinds)-1), gen.AnyString(), gen.AnyString(),
)

func TestLawsOfLines(t *testing.T) {
	written := func(e Event) ([]byte, bool) {
		line, err := marshalLine("test", e)
		return []byte(strings.TrimSuffix(string(line), "\n")), err == nil && strings.Count(string(line), "\n") == 1
	}
	same := func(line []byte, want Event) bool {
		var e Event
		return json.Unmarshal(line, &e) == nil && reflect.DeepEqual(e, want)
	}
	laws(t, func(p *gopter.Properties) {
		p.Property("our line is whole to us, and the same event to a reader of the old format", prop.ForAll(func(e Event) bool {
			line, ok := written(e)
			r := readLine(line, eventKey)
			return ok && r.ok && r.summed && r.id == e.ID && same(line, e)
		}, anyEvent))
		p.Property("a line of the old format is whole to us, and the same event", prop.ForAll(func(e Event) bool {
			line, err := json.Marshal(e)
			r := readLine(line, eventKey)
			return err == nil && r.ok && !r.summed && r.id == e.ID && same(line, e)
		}, anyEvent))
		p.Property("a line with a bit turned is not whole", prop.ForAll(func(e Event, at uint) bool {
			line, ok := written(e)
			bit := at % uint(8*len(line))
			line[bit/8] ^= 1 << (bit % 8)
			return ok && !readLine(line, eventKey).summed
		}, anyEvent, gen.UInt()))
		p.Property("nor is a part of one", prop.ForAll(func(e Event, at uint) bool {
			line, ok := written(e)
			return ok && !readLine(line[:at%uint(len(line))], eventKey).ok
		}, anyEvent, gen.UInt()))
	})
}

func TestLawsOfSnapshots(t *testing.T) {
	snapshot := func(id, purpose string, next uint64) WorkerSnapshot {
		return WorkerSnapshot{SchemaVersion: SchemaVersion, WorkerRef: WorkerRef{"r", id}, WorkerID: id, Status: Running,
			Request: Request{Intent: Intent{Kind: "assistant", Purpose: &purpose}, Profile: Profile{Kind: "runtime_default"}}, NextTranscriptSequence: next}
	}
	laws(t, func(p *gopter.Properties) {
		p.Property("our snapshot is what was sealed, and the same to a reader of the old format", prop.ForAll(
			func(id, purpose string, next uint64, size int64) bool {
				want := snapshot(id, purpose, next)
				data, err := marshal("test", want, "  ")
				if err != nil {
					return false
				}
				sealed := seal(data, size)
				u, ok := unseal(sealed)
				var old WorkerSnapshot
				return ok && u.summed && u.logBytes == size && string(u.content(sealed)) == string(data) &&
					json.Unmarshal(sealed, &old) == nil && reflect.DeepEqual(old, want)
			}, anyID, gen.AnyString(), gen.UInt64(), gen.Int64Range(0, 1<<62)))
		p.Property("a snapshot of the old format is believed", prop.ForAll(func(id, purpose string, next uint64) bool {
			data, err := json.MarshalIndent(snapshot(id, purpose, next), "", "  ")
			u, ok := unseal(data)
			return err == nil && ok && !u.summed && string(u.content(data)) == string(data)
		}, anyID, gen.AlphaString(), gen.UInt64()))
		p.Property("ours with a bit turned is not what was sealed", prop.ForAll(func(id string, at uint) bool {
			data, err := marshal("test", snapshot(id, "p", 1), "  ")
			if err != nil {
				return false
			}
			sealed := seal(data, 7)
			bit := at % uint(8*len(sealed))
			sealed[bit/8] ^= 1 << (bit % 8)
			u, ok := unseal(sealed)
			return !ok || !u.summed
		}, anyID, gen.UInt()))
	})
}
