// Package fuzz has the native fuzz targets: go test -fuzz, or make fuzz.
package fuzz
