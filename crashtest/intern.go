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
	lines map[string]uint32 // nil in a short one
	line  []string          // by number
	ids   map[string]stateID
	texts []string // by id: the numbers of the lines, four bytes each; in a short one the text
}

func newInterner() *interner {
	return &interner{lines: map[string]uint32{}, ids: map[string]stateID{}, texts: []string{noState: ""}}
}

// newShortInterner is for one scenario, which has few states: it keeps them as they
// are, which costs less to do.
func newShortInterner() *interner {
	return &interner{ids: map[string]stateID{}, texts: []string{noState: ""}}
}

func (in *interner) id(text string) stateID {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.lines != nil {
		text = in.numbers(text)
	}
	id, ok := in.ids[text]
	if !ok {
		id = stateID(len(in.texts))
		in.texts = append(in.texts, text)
		in.ids[text] = id
	}
	return id
}

// numbers gives those of a text's lines.
func (in *interner) numbers(text string) string {
	numbers := make([]byte, 0, 4*(1+strings.Count(text, "\n")))
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
	return string(numbers)
}

func (in *interner) text(id stateID) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.lines == nil {
		return in.texts[id]
	}
	var b strings.Builder
	for numbers := in.texts[id]; numbers != ""; numbers = numbers[4:] {
		b.WriteString(in.line[binary.NativeEndian.Uint32([]byte(numbers[:4]))])
	}
	return b.String()
}
