package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"crashsim/crashtest"
	"crashsim/faultfs"
)

// A row is one line of a timeline.
type row struct {
	Step  int    // in its chapter, of a disk's operation
	Kind  string // "op", "ack", "fail": of the store; "disk"; "cut"; "gap"; "tale"
	Cells string // a letter for each lane, see cell
	Text  string
	Fate  crashtest.Fate
	Note  string // what a sync covered
	Src   string // the line that asked
	Stack []string
	Parts []string // where their fates differ
	Hide  int      // rows that a gap stands for, and at
	First int      // the first of them
}

// Letters of cells, from which the page draws a lane.
const (
	cellNone  = ' '
	cellAlive = '|' // the file is there
	cellCover = ':' // and a sync further down covers something further up
	cellFirst = 'd' // durable, the first that its sync covers
	cellMore  = 'D' // durable, and more above it is covered
	cellSync  = 'S' // a sync that covers something above
	cellIdle  = 's' // a sync that covers nothing
	cellFrom  = 'C' // here a sync of another lane covers something above
	cellTouch = 'o' // the operation is on this file, and its effect in another lane
	cellLost  = 'L'
	cellTorn  = 'T'
	cellWait  = 'P' // pending
	cellDropX = 'X'
	cellMoot  = 'M'
)

// A timeline is a chapter laid out: lanes from left to right, time downwards.
type timeline struct {
	Lanes []laneHead
	Rows  []row
	Other int // lanes that share the last one
}

type laneHead struct {
	Letter, Name, Was string
	Folder            bool
}

const mostLanes = 12

func layOut(ch *crashtest.Chapter) *timeline {
	t := &timeline{}
	column := t.pickLanes(ch)
	grid := newGrid(ch, column, len(t.Lanes))
	if len(ch.Steps) > 0 && !ch.Steps[0].Op.Kind.IsMark() {
		t.Rows = append(t.Rows, row{Kind: "op", Text: "the store is opened"})
	}
	tales := ch.Tales
	tell := func(upTo, i int) {
		for len(tales) > 0 && tales[0].At <= upTo {
			t.Rows = append(t.Rows, row{Kind: "tale", Cells: aboveOf(grid.row(i)), Text: tales[0].Text})
			tales = tales[1:]
		}
	}
	for i := range ch.Steps {
		s := &ch.Steps[i]
		tell(s.At, i)
		r := row{Step: i, Kind: "disk", Cells: grid.row(i), Text: s.Text, Fate: s.Fate()}
		switch s.Op.Kind {
		case faultfs.MarkBegin:
			op := s.Op.Index
			r.Kind, r.Text = "op", fmt.Sprintf("operation %d: %s", op+1, textOf(ch, op, s))
		case faultfs.MarkAck:
			r.Kind, r.Text = "ack", fmt.Sprintf("operation %d is acknowledged", s.Op.Index+1)
		case faultfs.MarkFail:
			r.Kind, r.Text = "fail", fmt.Sprintf("operation %d fails: %s", s.Op.Index+1, s.Op.Text)
		}
		r.detail(s)
		if s.At < 0 {
			r.Text = "before the kill: " + r.Text
		}
		t.Rows = append(t.Rows, r)
	}
	tell(math.MaxInt, len(ch.Steps))
	if c := ch.Crash; c != nil {
		t.Rows = append(t.Rows, row{Kind: "cut", Cells: grid.row(len(ch.Steps)), Text: cutText(c)})
	}
	return t
}

func textOf(ch *crashtest.Chapter, op int, s *crashtest.Step) string {
	if op < len(ch.Ops) {
		return fmt.Sprintf("%s (%s)", shorten(ch.Ops[op].Text), ch.Ops[op].Fate)
	}
	return shorten(s.Op.Text)
}

func cutText(c *crashtest.CrashTold) string {
	text := "the power fails here"
	if c.Kill {
		text = "the process is killed here; the disk runs on"
	}
	if c.Before != "" {
		text += "; next would have come: " + c.Before
	}
	return text
}

func (r *row) detail(s *crashtest.Step) {
	for _, f := range s.Frames {
		r.Stack = append(r.Stack, f.Line+"  "+f.Func)
	}
	if len(s.Frames) > 0 {
		r.Src = s.Frames[0].Line
		if cut := strings.LastIndexByte(path.Dir(r.Src), '/'); cut >= 0 {
			r.Src = r.Src[cut+1:] // package and file: the stack has it whole
		}
	}
	if s.Op.Kind.IsSync() {
		r.Note = "covers nothing new"
		if n := stepsOf(s.Covers); n > 0 {
			r.Note = "covers " + plural(n, "step")
		}
	}
	if r.Fate == crashtest.Torn {
		for _, p := range s.Parts {
			r.Parts = append(r.Parts, fmt.Sprintf("%s: %s", p.Fate, p.Text))
		}
	}
}

func stepsOf(list []crashtest.PartOf) int {
	set := map[int]bool{}
	for _, p := range list {
		set[p.Step] = true
	}
	return len(set)
}

// pickLanes gives each lane of a chapter a column. Where there are too many, those
// with something not durable come first, then those that were used last; the rest
// share a column.
func (t *timeline) pickLanes(ch *crashtest.Chapter) (column []int) {
	weight, last := make([]int, len(ch.Lanes)), make([]int, len(ch.Lanes))
	for i, s := range ch.Steps {
		if s.Lane >= 0 {
			last[s.Lane] = i
		}
		for _, p := range s.Parts {
			last[p.Lane] = i
			switch p.Fate {
			case crashtest.Gone, crashtest.Dropped:
				weight[p.Lane] = 2
			case crashtest.Pending:
				weight[p.Lane] = max(weight[p.Lane], 1)
			}
		}
	}
	order := make([]int, len(ch.Lanes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(last[b], last[a]))
	})
	shown := len(order)
	if shown > mostLanes {
		shown = mostLanes - 1
	}
	t.Other = len(order) - shown
	chosen := slices.Sorted(slices.Values(order[:shown]))
	column = slices.Repeat([]int{shown}, len(ch.Lanes))
	for c, lane := range chosen {
		column[lane] = c
		l := ch.Lanes[lane]
		if l.Name == "." {
			l.Name = ". (the top)"
		}
		t.Lanes = append(t.Lanes, laneHead{string(rune('A' + c)), l.Name, lastPart(l.Was), l.Folder})
	}
	if t.Other > 0 {
		t.Lanes = append(t.Lanes, laneHead{Letter: string(rune('A' + shown)), Name: plural(t.Other, "other file or folder")})
		t.Lanes[shown].Name = fmt.Sprintf("%s other files and folders", thousands(t.Other))
	}
	return column
}

// A grid knows the letter of each cell.
type grid struct {
	n     int
	marks []map[int]byte // by row, then column
	alive []([2]int)     // by column: first and last row
	cover [][][2]int     // by column: rows from a first covered one to its sync
	at    []int          // by column: the cover that the rows have come to
}

func newGrid(ch *crashtest.Chapter, column []int, n int) *grid {
	g := &grid{n: n, marks: make([]map[int]byte, len(ch.Steps)), alive: make([][2]int, n), cover: make([][][2]int, n), at: make([]int, n)}
	for c := range g.alive {
		g.alive[c] = [2]int{-1, -1}
	}
	for i := range ch.Steps {
		s := &ch.Steps[i]
		g.marks[i] = map[int]byte{}
		if s.Lane >= 0 {
			g.mark(i, column[s.Lane], cellTouch)
		}
		for c, fate := range fatesByColumn(s, column) {
			g.mark(i, c, letterOf(fate))
		}
		if s.Op.Kind.IsSync() {
			g.sync(ch, i, column)
		}
	}
	for c := range g.alive {
		if g.alive[c][0] >= 0 {
			g.alive[c][1] = len(ch.Steps) // files live on to the cut
		}
	}
	return g
}

func fatesByColumn(s *crashtest.Step, column []int) map[int]crashtest.Fate {
	by := map[int]*crashtest.Step{}
	for _, p := range s.Parts {
		c := column[p.Lane]
		if by[c] == nil {
			by[c] = &crashtest.Step{}
		}
		by[c].Parts = append(by[c].Parts, p)
	}
	fates := map[int]crashtest.Fate{}
	for c, part := range by {
		fates[c] = part.Fate()
	}
	return fates
}

func letterOf(f crashtest.Fate) byte {
	switch f {
	case crashtest.Durable:
		return cellMore
	case crashtest.Gone:
		return cellLost
	case crashtest.Torn:
		return cellTorn
	case crashtest.Dropped:
		return cellDropX
	case crashtest.Moot:
		return cellMoot
	}
	return cellWait
}

func (g *grid) mark(row, c int, letter byte) {
	g.marks[row][c] = letter
	if g.alive[c][0] < 0 {
		g.alive[c][0] = row
	}
}

// sync draws from a sync up to what it covered, in each column.
func (g *grid) sync(ch *crashtest.Chapter, row int, column []int) {
	s := &ch.Steps[row]
	own := column[s.Lane]
	first := map[int]int{}
	for _, at := range s.Covers {
		c := column[ch.Steps[at.Step].Parts[at.Part].Lane]
		if old, ok := first[c]; !ok || at.Step < old {
			first[c] = at.Step
		}
	}
	g.mark(row, own, cellIdle)
	for _, c := range slices.Sorted(maps.Keys(first)) {
		letter := byte(cellFrom)
		if c == own {
			letter = cellSync
		}
		g.mark(row, c, letter)
		if g.marks[first[c]][c] == cellMore {
			g.marks[first[c]][c] = cellFirst
		}
		g.cover[c] = append(g.cover[c], [2]int{first[c], row})
	}
}

// row gives the letters of a row. Rows are asked for in their order.
func (g *grid) row(i int) string {
	var b strings.Builder
	for c := range g.n {
		for g.at[c] < len(g.cover[c]) && g.cover[c][g.at[c]][1] < i {
			g.at[c]++
		}
		covered := g.at[c] < len(g.cover[c]) && g.cover[c][g.at[c]][0] < i
		letter := byte(cellNone)
		switch {
		case i < len(g.marks) && g.marks[i][c] != 0:
			letter = g.marks[i][c]
		case covered:
			letter = cellCover
		case g.alive[c][0] >= 0 && g.alive[c][0] < i:
			letter = cellAlive
		}
		b.WriteByte(letter)
	}
	return strings.TrimRight(b.String(), " ")
}

// aboveOf gives the lanes that come down to a row.
func aboveOf(cells string) string {
	return strings.Map(func(r rune) rune {
		switch byte(r) {
		case cellNone:
			return cellNone
		case cellCover, cellMore, cellSync, cellFrom:
			return cellCover
		}
		return cellAlive
	}, cells)
}

// throughOf gives the lanes that go on below a row.
func throughOf(cells string) string {
	return strings.Map(func(r rune) rune {
		switch byte(r) {
		case cellNone:
			return cellNone
		case cellCover, cellFirst, cellMore:
			return cellCover
		}
		return cellAlive
	}, cells)
}

// essential folds what is far from the cut and durable into gaps, so that a long
// trace stays short: the last rows stay, and each that did not become durable.
func essential(rows []row, keepLast int) (list []row) {
	keep := func(i int) bool {
		switch r := rows[i]; {
		case i >= len(rows)-keepLast || r.Kind == "fail" || r.Kind == "tale":
			return true
		default:
			return r.Fate == crashtest.Gone || r.Fate == crashtest.Torn || r.Fate == crashtest.Dropped
		}
	}
	for i := 0; i < len(rows); i++ {
		if keep(i) {
			list = append(list, rows[i])
			continue
		}
		first := i
		for i+1 < len(rows) && !keep(i+1) {
			i++
		}
		list = append(list, row{Kind: "gap", Hide: i + 1 - first, First: first, Text: plural(i+1-first, "step") + " before this"})
	}
	return list
}

// shorten keeps an operation to a few lines of a screen.
func shorten(op string) string {
	if r := []rune(op); len(r) > 160 {
		return fmt.Sprintf("%s... (%s characters)", string(r[:120]), thousands(len(r)))
	}
	return op
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
