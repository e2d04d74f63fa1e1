//go:build !amd64 && !arm64

package faultfs

import "unsafe"

// framePointer gives nil: Go keeps no frame pointers on this machine.
func framePointer() unsafe.Pointer { return nil }
