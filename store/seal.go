package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"crashsim/faultfs"
)

// A snapshot ends in how many bytes the log beside it had when it was written,
// all of them acknowledged, and in a CRC-32C of all that is before its own comma:
//
//	  "log_bytes": 812,
//	  "crc32c": "1c291ca3"
//	}
//
// A reader of the old format takes both for fields that it does not know. A
// snapshot without them is from an old writer, and has to be good JSON.
//
// The length tells damage from what a crash leaves: a log that is not good up to
// there has lost what was acknowledged. Close notes it in a file of its own, for
// what was written since the last snapshot.
const (
	sealBytes  = ",\n  \"log_bytes\": "
	sealBefore = ",\n  \"crc32c\": \""
	sealAfter  = "\"\n}\n"
	sealLen    = len(sealBefore) + sumDigits + len(sealAfter)
	objectEnd  = "\n}\n"
)

// seal ends a snapshot that is JSON as [marshal] gives it.
func seal(data []byte, logBytes int64) []byte {
	const digits = 20 // of the largest number
	body := bytes.TrimSuffix(data, []byte(objectEnd))
	sealed := append(make([]byte, 0, len(body)+len(sealBytes)+digits+sealLen), body...)
	sealed = strconv.AppendInt(append(sealed, sealBytes...), logBytes, 10)
	sum := fmt32(crc32.Checksum(sealed, castagnoli))
	sealed = append(append(sealed, sealBefore...), sum[:]...)
	return append(sealed, sealAfter...)
}

// unsealed is a snapshot without its end.
type unsealed struct {
	size     int64 // with its end
	body     int   // its length without
	summed   bool  // it had a checksum
	logBytes int64 // 0 if it does not say
}

// unseal tells whether a snapshot is what was written. One that is not sealed is
// believed, unless it has a part of a seal: no old writer knows that field.
func unseal(data []byte) (u unsealed, ok bool) {
	u.body, u.size = len(data), int64(len(data))
	at := len(data) - sealLen
	if at < 0 || string(data[at:at+len(sealBefore)]) != sealBefore || !bytes.HasSuffix(data, []byte(sealAfter)) {
		return u, !bytes.Contains(data, []byte(`"log_bytes"`))
	}
	body, sum := data[:at], string(data[at+len(sealBefore):][:sumDigits])
	if digits := fmt32(crc32.Checksum(body, castagnoli)); string(digits[:]) != sum {
		return u, false
	}
	u.summed = true
	if i := bytes.LastIndex(body, []byte(sealBytes)); i >= 0 {
		if n, err := strconv.ParseInt(string(body[i+len(sealBytes):]), 10, 64); err == nil && n >= 0 {
			body, u.logBytes = body[:i], n
		}
	}
	u.body = len(body)
	return u, true
}

// content gives a snapshot as it was given to seal; of an old writer's, all of it.
func (u *unsealed) content(data []byte) []byte {
	if !u.summed {
		return data
	}
	return slices.Concat(data[:u.body], []byte(objectEnd))
}

// notePath gives the name of the file in which Close notes the size of a log.
func (l *log) notePath() string { return strings.TrimSuffix(l.path, ".jsonl") + ".size.json" }

func (l *log) note() []byte {
	return seal(fmt.Appendf(nil, "{\n  \"log\": %q%s", path.Base(l.path), objectEnd), l.size)
}

// readNote gives the size that Close noted for a log, 0 if it did not.
func (l *log) readNote(fsys faultfs.FS, op string) (int64, error) {
	name := l.notePath()
	data, err := faultfs.ReadFile(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, ioError(op, name, err)
	}
	u, ok := unseal(data)
	if !ok || !u.summed {
		return 0, corrupt(op, name, badSum)
	}
	return u.logBytes, nil
}
