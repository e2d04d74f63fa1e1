// Package seedstore is the design that this project starts from, in Go, with all
// its faults: what a program that runs in the field did to its files before
// anyone asked what a power cut leaves of them. It makes the same system calls
// in the same order, except that serde_json writes an object token by token into
// the open file where this port writes it in one piece.
//
// It is here to be caught. Do not use it, and do not mend it: package store is
// the one that was mended.
package seedstore
