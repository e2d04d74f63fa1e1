package main

import (
	"strings"
	"testing"
)

// An audit that is interrupted says so, and is no pass.
func TestAuditInterrupted(t *testing.T) {
	a := interruptOf(t, "audit", "store")
	if a.code != exitInterrupted || !strings.HasPrefix(lastLine(a.out), "interrupted: ") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.err)
	}
}

func TestBadAudits(t *testing.T) {
	inEmptyFolder(t)
	refused(t, []string{"audit", "nothing"}, "unknown target")
	refused(t, []string{"audit", "--ops", "0"}, "--ops 0")
	refused(t, []string{"audit", "--model", "none"}, "none")
	refused(t, []string{"audit", "store", "seedstore"}, "arg")
}
