package crashtest

import (
	"encoding/binary"
	"strings"
	"sync"
)

// stateID stands for the text of a state, within one run.
type stateID int32

const noState stateID = 0

// interner gives equal texts one number. It is safe for concurrent use. Of two
// states of a long workload most lines are the same: it keeps each line once, so
// that memory grows with what is written and not with its square.
type interner struct {
	mu    sync.Mutex
	lines map[string]uint32
	line  []string // by number
	ids   map[string]stateID
	texts []string // by id: the numbers of the lines, four bytes each
}

func newInterner() *interner {
	return &interner{lines: map[string]uint32{}, ids: map[string]stateID{}, texts: []string{noState: ""}}
}

func (in *interner) id(text string) stateID {
	numbers := make([]byte, 0, 4*(1+strings.Count(text, "\n")))
	in.mu.Lock()
	defer in.mu.Unlock()
	for line := range strings.Lines(text) {
		n, ok := in.lines[line]
		if !ok {
			n = uint32(len(in.line))
			line = strings.Clone(line) // and not the whole text with it
			in.lines[line] = n
			in.line = append(in.line, line)
		}
		numbers = binary.NativeEndian.AppendUint32(numbers, n)
	}
	id, ok := in.ids[string(numbers)]
	if !ok {
		id = stateID(len(in.texts))
		in.texts = append(in.texts, string(numbers))
		in.ids[in.texts[id]] = id
	}
	return id
}

func (in *interner) text(id stateID) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var b strings.Builder
	for numbers := in.texts[id]; numbers != ""; numbers = numbers[4:] {
		b.WriteString(in.line[binary.NativeEndian.Uint32([]byte(numbers[:4]))])
	}
	return b.String()
}
