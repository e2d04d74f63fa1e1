//go:build amd64 || arm64

package faultfs

import "unsafe"

// framePointer gives the frame pointer of its caller: where the pointer of the
// frame above is kept, below the return address.
func framePointer() unsafe.Pointer
