// Package browser holds the tests of crashsim's pages in a real browser. It is a
// module of its own, so that nothing else depends on what drives one.
//
// They need Debian's chromium: "make browser" installs it where it is missing.
package browser
