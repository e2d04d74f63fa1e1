package store

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

const (
	idPrefix = "id-"
	// maxNameBytes is the longest file name (NAME_MAX of Linux).
	maxNameBytes = 255
	maxIDBytes   = (maxNameBytes - len(idPrefix)) / 2
)

// folderOf gives the name of an id's folder. In hex no id can be "..", hold a
// slash, or meet another one on a disk that folds case.
func folderOf(id string) string { return idPrefix + hex.EncodeToString([]byte(id)) }

// idOf is the inverse of folderOf.
func idOf(folder string) (string, bool) {
	digits, ok := strings.CutPrefix(folder, idPrefix)
	id, err := hex.DecodeString(digits)
	return string(id), ok && err == nil && folderOf(string(id)) == folder
}

// checkID refuses what cannot be an id, before anything is written.
func checkID(op, what, id string) error {
	switch {
	case strings.TrimSpace(id) == "":
		return invalid(op, what+" is blank")
	case !utf8.ValidString(id):
		return invalid(op, what+" is not UTF-8")
	case len(id) > maxIDBytes:
		return limit(op, "bytes of "+what, len(id), maxIDBytes)
	}
	return nil
}
