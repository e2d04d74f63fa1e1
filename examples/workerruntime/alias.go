package workerruntime

import (
	"strings"

	"crashsim/store"
)

// Alias is the name that an id has in operations and states.
type Alias struct {
	Name string
	ID   string
}

// maxIDBytes is the longest id that has a folder: "id-" and two digits for each
// of its bytes make a name of 255 bytes.
const maxIDBytes = 126

const (
	runtimes  = 2
	realWorks = 5 // workers that can exist; after them those that are refused
	longWork  = 5 // w-long
	blankWork = 6 // w-blank
	works     = 7
	noWork    = -1
)

// The ids: what a careless path or a careless trim would make something else of.
var (
	runtimeAliases = [runtimes]Alias{
		{"r1", ".."},
		{"r2", longID("Läufer 2/../日本 ")},
	}
	workerAliases = [works]Alias{
		{"w1", "."},
		{"w2", ".."},
		{"w3", " ../a b/\\c\td "},
		{"w4", longID("Wörker №4/日本語\n")},
		{"w5", "id-2e2e/…/"},
		{"w-long", longID("") + "x"},
		{"w-blank", " \t\u2003"},
	}
)

// Aliases tells which alias is which id: the two runtimes, then the workers.
func Aliases() []Alias {
	return append(append([]Alias{}, runtimeAliases[:]...), workerAliases[:]...)
}

func longID(prefix string) string {
	return prefix + strings.Repeat("y", maxIDBytes-len(prefix))
}

// ref names a worker of a runtime.
func ref(rt, work int) store.WorkerRef {
	return store.WorkerRef{RuntimeID: runtimeAliases[rt].ID, WorkerID: workerAliases[work].ID}
}

// indexOf finds what has a value, -1 if nothing has.
func indexOf(aliases []Alias, value string, of func(Alias) string) int {
	for i, a := range aliases {
		if of(a) == value {
			return i
		}
	}
	return -1
}

func aliasName(a Alias) string { return a.Name }
func aliasID(a Alias) string   { return a.ID }
