package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A markup writes the parts of a document as Markdown or as plain text.
type markup interface {
	heading(level int, text string) string
	para(text string) string
	item(text string) string
	block(lang string, lines []string) string
	table(columns []string, rows [][]string) string
	// fold begins what is folded away where that is possible, and unfold ends it.
	fold(title string) string
	unfold() string
}

type markdown struct{}

func (markdown) heading(level int, text string) string {
	return strings.Repeat("#", level) + " " + escape(text) + "\n\n"
}
func (markdown) para(text string) string { return escape(text) + "\n\n" }
func (markdown) item(text string) string { return "- " + escape(text) + "\n" }

// block uses a fence longer than any in the text.
func (markdown) block(lang string, lines []string) string {
	text := strings.Join(lines, "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + lang + "\n" + text + "\n" + fence + "\n\n"
}

func (markdown) table(columns []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(escape(c), "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	line(columns)
	b.WriteString(strings.Repeat("|---", len(columns)) + "|\n")
	for _, r := range rows {
		line(r)
	}
	return b.String() + "\n"
}

func (markdown) fold(title string) string {
	return "<details><summary>" + escape(title) + "</summary>\n\n"
}
func (markdown) unfold() string { return "</details>\n\n" }

// escape keeps text from being read as Markdown or HTML. Line ends become spaces:
// what is escaped is one line.
func escape(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "<", "&lt;", "&", "&amp;", "#", `\#`, "@", "&#64;").Replace(s)
}

type plain struct{}

func (plain) heading(level int, text string) string {
	rule := "="
	if level > 2 {
		rule = "-"
	}
	if level > 3 {
		return text + "\n"
	}
	return text + "\n" + strings.Repeat(rule, min(utf8.RuneCountInString(text), 100)) + "\n\n"
}
func (plain) para(text string) string { return text + "\n\n" }
func (plain) item(text string) string { return "- " + text + "\n" }
func (plain) fold(string) string      { return "" }
func (plain) unfold() string          { return "" }

func (plain) block(_ string, lines []string) string {
	return "  " + strings.Join(lines, "\n  ") + "\n\n"
}

func (plain) table(columns []string, rows [][]string) string {
	width := make([]int, len(columns))
	for _, r := range append([][]string{columns}, rows...) {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, r := range append([][]string{columns}, rows...) {
		var line strings.Builder
		for i, c := range r {
			fmt.Fprintf(&line, "  %-*s", width[i], c)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		if n == 0 {
			total := 0
			for _, w := range width {
				total += w + 2
			}
			b.WriteString("  " + strings.Repeat("-", total-2) + "\n")
		}
	}
	return b.String() + "\n"
}
