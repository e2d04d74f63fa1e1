package store

import (
	"fmt"
	"path"
	"slices"
)

var (
	runtimeStatuses = []string{Running, Stopped}
	workerStatuses  = []string{Running, Stopped, Cancelled}
	eventKinds      = []string{"runtime_started", "runtime_stopped", "worker_created", "worker_input_accepted", "worker_stopped", "worker_cancelled"}
	roles           = []string{"user", "system"}
	severities      = []string{"info", "warning", "error"}
	statementKinds  = []string{"secret_ref", "mount_grant", "network_policy", "shell_policy", "git_policy", "capability_grant", "unsupported"}
)

func oneOf(op, what, value string, known []string) error {
	if !slices.Contains(known, value) {
		return invalid(op, fmt.Sprintf("%s %q is none of %q", what, value, known))
	}
	return nil
}

// first gives the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func version(op string, v int) error {
	if v != SchemaVersion {
		return invalid(op, fmt.Sprintf("schema version %d, expected %d", v, SchemaVersion))
	}
	return nil
}

func (s *Store) checkRuntime(op string, r *RuntimeSnapshot) error {
	if r.RuntimeID != s.opts.RuntimeID {
		return s.wrongRuntime(op, r.RuntimeID)
	}
	err := first(version(op, r.SchemaVersion), oneOf(op, "backend", r.Backend, []string{Backend}),
		oneOf(op, "status", r.Status, runtimeStatuses), r.Limits.check(op))
	for _, d := range r.Diagnostics {
		err = first(err, oneOf(op, "severity", d.Severity, severities))
	}
	for _, b := range r.ConfigBundles {
		for _, p := range b.Profiles {
			err = first(err, checkProfile(op, p.Selector))
		}
		for _, d := range b.Declarations {
			err = first(err, oneOf(op, "declaration", d.Kind, statementKinds))
		}
	}
	return err
}

func (l Limits) check(op string) error {
	if l.MaxEventBatchItems < 0 || l.MaxTranscriptProjectionItems < 0 {
		return invalid(op, "a negative limit")
	}
	return nil
}

func (s *Store) checkWorker(op string, w *WorkerSnapshot) error {
	if err := s.checkRef(op, w.WorkerRef); err != nil {
		return err
	}
	if w.WorkerRef.WorkerID != w.WorkerID {
		return invalid(op, fmt.Sprintf("worker id %q, and %q in the ref", w.WorkerID, w.WorkerRef.WorkerID))
	}
	return first(version(op, w.SchemaVersion), oneOf(op, "status", w.Status, workerStatuses),
		checkIntent(op, w.Request.Intent), checkProfile(op, w.Request.Profile))
}

func checkIntent(op string, i Intent) error {
	given := func(p *string) bool { return p != nil }
	ok := false
	switch i.Kind {
	case "assistant":
		ok = !given(i.Objective) && !given(i.Role)
	case "task":
		ok = given(i.Objective) && !given(i.Role) && !given(i.Purpose)
	case "role":
		ok = given(i.Role) && !given(i.Objective)
	}
	if !ok {
		return invalid(op, fmt.Sprintf("intent %q with fields that are not its own, or lacking one", i.Kind))
	}
	return nil
}

func checkProfile(op string, p Profile) error {
	switch p.Kind {
	case "runtime_default":
		if p.Value == nil {
			return nil
		}
	case "builtin", "named":
		if p.Value != nil {
			return nil
		}
	}
	return invalid(op, fmt.Sprintf("profile %q with a value that it cannot have, or without one", p.Kind))
}

func (s *Store) checkEvent(op string, e *Event) error {
	if e.WorkerRef != nil {
		if err := s.checkRef(op, *e.WorkerRef); err != nil {
			return err
		}
	}
	return oneOf(op, "kind", e.Kind.Kind, eventKinds)
}

func (s *Store) checkEntry(op string, e *TranscriptEntry) error {
	return first(s.checkRef(op, e.WorkerRef), oneOf(op, "role", e.Role, roles))
}

func (s *Store) checkRef(op string, ref WorkerRef) error {
	if ref.RuntimeID != s.opts.RuntimeID {
		return s.wrongRuntime(op, ref.RuntimeID)
	}
	return checkID(op, "worker id", ref.WorkerID)
}

func (s *Store) wrongRuntime(op, got string) error {
	return &Error{Op: op, Kind: ErrWrongRuntime, Detail: fmt.Sprintf("%q, expected %q", got, s.opts.RuntimeID)}
}

func checkRange(op string, start, n, maximum int) error {
	switch {
	case start < 0 || n < 0 || maximum < 0:
		return invalid(op, "a negative start or limit")
	case n > maximum:
		return limit(op, "limit", n, maximum)
	}
	return nil
}

const otherVersion = "unsupported schema version"

// checkStoredRuntime refuses a snapshot that is not this runtime's.
func (s *Store) checkStoredRuntime(r *RuntimeSnapshot) error {
	name := s.runtimePath()
	switch {
	case r.SchemaVersion != SchemaVersion:
		return corrupt(opOpen, name, fmt.Sprintf(otherVersion+" %d, expected %d", r.SchemaVersion, SchemaVersion))
	case r.RuntimeID != s.opts.RuntimeID:
		return corrupt(opOpen, name, fmt.Sprintf("of runtime %q, expected %q", r.RuntimeID, s.opts.RuntimeID))
	case r.Backend != Backend:
		return corrupt(opOpen, name, fmt.Sprintf("backend %q, expected %q", r.Backend, Backend))
	}
	return nil
}

// checkStoredWorker refuses a snapshot that is not that of its folder.
func (s *Store) checkStoredWorker(w *WorkerSnapshot, name, dir string) error {
	switch {
	case w.SchemaVersion != SchemaVersion:
		return corrupt(opOpen, name, fmt.Sprintf(otherVersion+" %d, expected %d", w.SchemaVersion, SchemaVersion))
	case w.WorkerRef.RuntimeID != s.opts.RuntimeID:
		return corrupt(opOpen, name, fmt.Sprintf("of runtime %q, expected %q", w.WorkerRef.RuntimeID, s.opts.RuntimeID))
	case w.WorkerRef.WorkerID != w.WorkerID:
		return corrupt(opOpen, name, fmt.Sprintf("worker id %q, and %q in the ref", w.WorkerID, w.WorkerRef.WorkerID))
	case folderOf(w.WorkerID) != path.Base(dir):
		return corrupt(opOpen, name, fmt.Sprintf("worker %q in the folder of another", w.WorkerID))
	}
	return nil
}
