package litmus

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Content is a file's bytes as pieces, each of one letter. The letter 0 is a zero
// byte; others are themselves.
type Content []Piece

// Piece is N bytes that are all the same: of one of Letters, where there are
// several, which is for expectations only.
type Piece struct {
	Letters string
	N       int64
}

const (
	maxSize = 1 << 20 // of a file, in bytes
	letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz?"
)

// parseContent reads A, [AB] and A:2500, one after the other; a letter without a
// length is a sector. After a length comes a comma where more follows.
func parseContent(text string, sector int64, alternatives bool) (Content, error) {
	var c Content
	total := int64(0)
	for rest := text; rest != ""; {
		p := Piece{Letters: rest[:1], N: sector}
		rest = rest[1:]
		if p.Letters == "[" && alternatives {
			inside, after, ok := strings.Cut(rest, "]")
			if !ok || len(inside) < 2 {
				return nil, fmt.Errorf("expected letters in brackets, as in [A0], found %q", "["+rest)
			}
			p.Letters, rest = inside, after
		}
		for _, l := range p.Letters {
			if !strings.ContainsRune(letters, l) {
				return nil, fmt.Errorf("expected content, as in AAB or A:2500, found %q", string(l)+rest)
			}
		}
		if length, ok := strings.CutPrefix(rest, ":"); ok {
			number, after, more := strings.Cut(length, ",")
			n, err := parseSize(number)
			if err != nil || n == 0 || more && after == "" {
				return nil, fmt.Errorf("expected a length in bytes from 1 to %d after the colon, and a comma if more follows, found %q", maxSize, length)
			}
			p.N, rest = n, after
		}
		if total += p.N; total > maxSize {
			return nil, fmt.Errorf("expected at most %d bytes of content, found %q", maxSize, text)
		}
		c = append(c, p)
	}
	return c, nil
}

func parseSize(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxSize || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("expected a number from 0 to %d, found %q", maxSize, text)
	}
	return n, nil
}

// bytes are those of content without alternatives.
func (c Content) bytes() []byte {
	var b []byte
	for _, p := range c {
		l := p.Letters[:1]
		if l == "0" {
			l = "\x00"
		}
		b = append(b, strings.Repeat(l, int(p.N))...)
	}
	return b
}

// shown tells content in its shortest form: a letter a sector where that is not
// too long.
func (c Content) shown(sector int64) string {
	var b strings.Builder
	comma := false
	for _, p := range c.joined() {
		l := p.Letters
		if len(l) > 1 {
			l = "[" + l + "]"
		}
		if comma {
			b.WriteByte(',')
		}
		if comma = p.N%sector != 0 || p.N > 8*sector || len(l) > 1 && p.N != sector; comma {
			fmt.Fprintf(&b, "%s:%d", l, p.N)
		} else {
			b.WriteString(strings.Repeat(l, int(p.N/sector)))
		}
	}
	return b.String()
}

// joined makes neighbours one that are of the same one letter.
func (c Content) joined() Content {
	var out Content
	for _, p := range c {
		if last := len(out) - 1; last >= 0 && len(p.Letters) == 1 && out[last].Letters == p.Letters {
			out[last].N += p.N
			continue
		}
		out = append(out, p)
	}
	return out
}

// contentOf tells bytes as pieces, parted at the given places, which are in order.
// A piece that is not all one letter is none that was written: a question mark.
func contentOf(data []byte, cuts []int) Content {
	var c Content
	for from := 0; from < len(data); {
		for len(cuts) > 0 && cuts[0] <= from {
			cuts = cuts[1:]
		}
		to := len(data)
		if len(cuts) > 0 {
			to = min(to, cuts[0])
		}
		letter := "?"
		if bytes.Count(data[from:to], data[from:from+1]) == to-from {
			letter = letterOf[data[from]]
		}
		c = append(c, Piece{letter, int64(to - from)})
		from = to
	}
	return c
}

// letterOf tells a byte. What no content can be written with is a question mark.
var letterOf = func() (table [256]string) {
	for b := range table {
		table[b] = "?"
	}
	for _, l := range letters[1:] {
		table[l] = string(l)
	}
	table[0] = "0"
	return table
}()
