package store

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"math"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"
)

// A line of a log is a JSON object whose first field is its id or sequence, and
// whose last is a CRC-32C, in hex, of all the bytes before its own comma:
//
//	{"id":7,"kind":{"kind":"runtime_started"},"message":"","crc32c":"1c291ca3"}
//
// A reader of the old format takes the last field for one that it does not know.
// A line without it is from an old writer, and has to be good JSON.
const (
	sumBefore = `,"crc32c":"`
	sumAfter  = `"}`
	sumDigits = 8
	sumLen    = len(sumBefore) + sumDigits + len(sumAfter)
)

// maxID leaves room for the one that is to follow.
const maxID = math.MaxUint64 - 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encoder makes JSON with <, > and & as they are, in a buffer of its own.
type encoder struct {
	*json.Encoder
	buf bytes.Buffer
}

// encoders are kept for the buffers that they have grown.
var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.Encoder = json.NewEncoder(&e.buf)
	e.SetEscapeHTML(false)
	return e
}}

// marshal gives a value as JSON. What is not UTF-8 would come back as something else,
// and is refused.
func marshal(op string, value any, indent string) ([]byte, error) {
	enc, _ := encoders.Get().(*encoder)
	defer encoders.Put(enc)
	enc.buf.Reset()
	enc.SetIndent("", indent)
	if err := enc.Encode(value); err != nil {
		return nil, &Error{Op: op, Kind: ErrInvalid, Err: err}
	}
	if replaces(enc.buf.Bytes()) {
		return nil, invalid(op, "a string that is not UTF-8")
	}
	return bytes.Clone(enc.buf.Bytes()), nil
}

// replaces tells whether JSON from encoding/json has the escape that stands for a
// byte that is not UTF-8. (The character U+FFFD itself is not escaped there.)
func replaces(data []byte) bool {
	for {
		i := bytes.Index(data, []byte(`\ufffd`))
		if i < 0 {
			return false
		}
		before := data[:i]
		if (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 0 {
			return true
		}
		data = data[i+1:]
	}
}

// marshalLine gives a log's line, sum and newline included.
func marshalLine(op string, value any) ([]byte, error) {
	data, err := marshal(op, value, "")
	if err != nil {
		return nil, err
	}
	body := data[:len(data)-len("}\n")]
	sum := fmt32(crc32.Checksum(body, castagnoli))
	return slices.Concat(body, []byte(sumBefore), sum[:], []byte(sumAfter+"\n")), nil
}

// record is what a line's own bytes tell of it.
type record struct {
	id     uint64
	summed bool // its checksum is there, and right
	ok     bool // it is whole
}

// readLine reads a line without its newline. key is what the object begins with,
// `{"id":` or `{"sequence":`.
func readLine(line []byte, key string) record {
	if body, sum, has := cutSum(line); has {
		if fmt32(crc32.Checksum(body, castagnoli)) != sum {
			return record{}
		}
		if id, ok := leadingID(body, key); ok {
			return record{id, true, true}
		}
	}
	if !utf8.Valid(line) || !json.Valid(line) {
		return record{}
	}
	var fields struct {
		ID       *uint64 `json:"id"`
		Sequence *uint64 `json:"sequence"`

		Sum json.RawMessage `json:"crc32c"`
	}
	if json.Unmarshal(line, &fields) != nil || fields.Sum != nil {
		return record{} // whoever wrote a checksum wrote it whole
	}
	if key == eventKey {
		fields.Sequence = fields.ID
	}
	if fields.Sequence == nil || *fields.Sequence > maxID {
		return record{}
	}
	return record{id: *fields.Sequence, ok: true}
}

func cutSum(line []byte) (body []byte, sum [sumDigits]byte, ok bool) {
	at := len(line) - sumLen
	if at < 0 || string(line[at:at+len(sumBefore)]) != sumBefore || !bytes.HasSuffix(line, []byte(sumAfter)) {
		return nil, sum, false
	}
	copy(sum[:], line[at+len(sumBefore):])
	return line[:at], sum, true
}

func fmt32(v uint32) (digits [sumDigits]byte) {
	for i := range digits {
		digits[i] = "0123456789abcdef"[v>>(28-4*i)&0xf]
	}
	return digits
}

// leadingID reads the number after the key, without a parse of the whole.
func leadingID(body []byte, key string) (uint64, bool) {
	rest, ok := bytes.CutPrefix(body, []byte(key))
	end := bytes.IndexByte(rest, ',')
	if !ok || end < 0 {
		return 0, false
	}
	id, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	return id, err == nil && id <= maxID
}
