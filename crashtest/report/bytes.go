package report

import (
	"fmt"
	"strings"

	"crashsim/crashtest"
)

// A dumpLine is 16 bytes of a write: what was asked for, and what is there now.
type dumpLine struct {
	Off         string
	Asked, Left []dumpByte
	Skip        string // in place of all that: lines left out
}

type dumpByte struct {
	Hex, Char string
	Lost      bool
}

const (
	dumpWidth = 16
	dumpLines = 24 // of one write, at most
)

// dump shows the lines of a write in which bytes are lost, and those beside them.
func dump(w *crashtest.WriteLeft) (lines []dumpLine) {
	start := w.Off - w.Off%dumpWidth
	end := w.Off + int64(len(w.Asked))
	skipped := 0
	for at := start; at < end; at += dumpWidth {
		near := lostIn(w, at-dumpWidth, at+2*dumpWidth)
		if !near || len(lines) >= dumpLines {
			skipped++
			continue
		}
		lines = append(skipLines(lines, skipped), w16(w, at))
		skipped = 0
	}
	return skipLines(lines, skipped)
}

func skipLines(lines []dumpLine, n int) []dumpLine {
	if n > 0 {
		lines = append(lines, dumpLine{Skip: plural(n*dumpWidth, "byte") + " not shown"})
	}
	return lines
}

func w16(w *crashtest.WriteLeft, at int64) dumpLine {
	l := dumpLine{Off: fmt.Sprintf("%08x", at)}
	for i := at; i < at+dumpWidth; i++ {
		k := i - w.Off
		asked, left := dumpByte{Hex: "  ", Char: " "}, dumpByte{Hex: "  ", Char: " "}
		if k >= 0 && k < int64(len(w.Asked)) {
			asked = byteOf(w.Asked[k])
			asked.Lost = lostIn(w, i, i+1)
			left.Hex, left.Char = "--", "."
			if k < int64(len(w.Left)) {
				left = byteOf(w.Left[k])
			}
			left.Lost = asked.Lost
		}
		l.Asked, l.Left = append(l.Asked, asked), append(l.Left, left)
	}
	return l
}

func byteOf(b byte) dumpByte {
	c := "."
	if b >= ' ' && b < 0x7f {
		c = string(rune(b))
	}
	return dumpByte{Hex: fmt.Sprintf("%02x", b), Char: c}
}

func lostIn(w *crashtest.WriteLeft, from, to int64) bool {
	for _, s := range w.Lost {
		if s.Off < to && s.End > from {
			return true
		}
	}
	return false
}

// bytesText gives a line as hexadecimal digits and as text, lost bytes in brackets.
func bytesText(list []dumpByte) string {
	var hex, chars strings.Builder
	for i, b := range list {
		before := " "
		switch {
		case b.Lost && (i == 0 || !list[i-1].Lost):
			before = "["
		case !b.Lost && i > 0 && list[i-1].Lost:
			before = "]"
		}
		hex.WriteString(before + b.Hex)
		chars.WriteString(b.Char)
	}
	if list[len(list)-1].Lost {
		hex.WriteByte(']')
	} else {
		hex.WriteByte(' ')
	}
	return hex.String() + " |" + chars.String() + "|"
}
