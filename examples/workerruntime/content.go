package workerruntime

import (
	"strconv"
	"strings"

	"crashsim/store"
)

// awkward is in every content: what JSON has to escape, and what is not ASCII.
const awkward = " é<&>\"\\: "

// text makes readable content of exactly size bytes. It begins with what it
// belongs to, and repeats the tag with its own offset, so that a sector in the
// wrong place shows.
func text(belongs, tag string, size int) string {
	b := make([]byte, 0, size+32)
	b = append(b, belongs...)
	b = append(b, awkward...)
	for len(b) < size {
		b = append(b, tag...)
		b = append(b, '@')
		b = strconv.AppendInt(b, int64(len(b)), 10)
		b = append(b, ' ')
	}
	return strings.ToValidUTF8(string(b[:size]), "_")
}

// words joins words and numbers with blanks.
func words(parts ...any) string {
	var b []byte
	for i, part := range parts {
		if i > 0 {
			b = append(b, ' ')
		}
		switch p := part.(type) {
		case string:
			b = append(b, p...)
		case int:
			b = strconv.AppendInt(b, int64(p), 10)
		case uint64:
			b = strconv.AppendUint(b, p, 10)
		}
	}
	return string(b)
}

// revisionIn finds the number after "revision ", 0 if there is none.
func revisionIn(text string) uint64 {
	_, after, _ := strings.Cut(text, "revision ")
	digits, _, _ := strings.Cut(after, " ")
	n, _ := strconv.ParseUint(digits, 10, 64) // 0 where it is none
	return n
}

// request makes the request of a worker's snapshot. Its shapes take turns.
func request(rt, work int, revision uint64, size int) store.Request {
	who := words(runtimeAliases[rt].Name, workerAliases[work].Name)
	tag := runtimeAliases[rt].Name + workerAliases[work].Name + "." + strconv.FormatUint(revision, 10)
	content := text(words(who, "revision", revision), tag, size)
	reason, name, role := "for "+tag, tag, "reviewer of "+tag
	var r store.Request
	switch revision % 3 {
	case 0:
		r.Intent = store.Intent{Kind: "task", Objective: &content}
		r.Profile = store.Profile{Kind: "runtime_default"}
	case 1:
		r.Intent = store.Intent{Kind: "assistant", Purpose: &content}
		r.Profile = store.Profile{Kind: "builtin", Value: &name}
		r.ConfigBundle = &store.ConfigBundleRef{ID: "b1", Digest: "digest " + tag}
		r.MountRefs = []store.NamedReference{{Name: "mount", Reference: "/mnt/" + tag}}
	case 2:
		r.Intent = store.Intent{Kind: "role", Role: &role, Purpose: &content}
		r.Profile = store.Profile{Kind: "named", Value: &name}
		r.RequestedCapabilities = []store.Capability{{Name: "read"}, {Name: "write", Reason: &reason}}
		r.WorkspaceRefs = []store.NamedReference{{Name: "workspace", Reference: "ws:" + tag}}
	}
	return r
}

// requestRevision tells which revision of a worker's request this is.
func requestRevision(r store.Request) uint64 {
	if r.Intent.Objective != nil {
		return revisionIn(*r.Intent.Objective)
	}
	if r.Intent.Purpose != nil {
		return revisionIn(*r.Intent.Purpose)
	}
	return 0
}

// configBundle makes a config bundle, most of it the detail of its provenance.
func configBundle(rt int, name string, revision uint64, size int) store.ConfigBundle {
	tag := runtimeAliases[rt].Name + name + "." + strconv.FormatUint(revision, 10)
	detail := text(words(runtimeAliases[rt].Name, name, "revision", revision), tag, size)
	label := "label of " + tag
	return store.ConfigBundle{
		Metadata: store.BundleMetadata{
			ID:          name,
			Digest:      "digest " + tag,
			Revision:    words("revision", revision),
			WorkspaceID: "workspace of " + runtimeAliases[rt].Name,
			CreatedAt:   "2026-01-02T03:04:05Z",
			Provenance:  store.Provenance{Source: "source of " + tag, Detail: &detail},
		},
		Profiles:     []store.BundleProfile{{Selector: store.Profile{Kind: "runtime_default"}, Label: &label}},
		Declarations: []store.BundleStatement{{Kind: "secret_ref", Name: "secret", Reference: "vault:" + tag}},
	}
}
