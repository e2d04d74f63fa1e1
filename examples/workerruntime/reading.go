package workerruntime

import (
	"slices"
	"strconv"
	"sync"

	"crashsim/store"
)

// events reads events and answers what it got, in a line.
func (c *caller[S]) events(o operation) (string, error) {
	cursor := store.EventCursor{RuntimeID: runtimeAliases[o.as].ID, NextEventID: o.from}
	batch, err := c.store.ReadEvents(cursor, o.limit, c.snapshot.Limits.MaxEventBatchItems)
	if err != nil {
		return "", err
	}
	p := printer{rt: c.rt}
	p.add(words(len(batch.Events), "events, cursor"))
	p.add(" ").runtime(batch.Cursor.RuntimeID).add(" ").number(batch.Cursor.NextEventID)
	p.add(", more ").add(strconv.FormatBool(batch.HasMore))
	for i := range batch.Events {
		p.add("; ").event(&batch.Events[i])
	}
	return string(p.b), nil
}

// read reads a transcript and answers what it got, in a line.
func (c *caller[S]) read(o operation) (string, error) {
	t, err := c.store.ReadTranscript(ref(o.as, o.work), o.start, o.limit, c.snapshot.Limits.MaxTranscriptProjectionItems)
	if err != nil {
		return "", err
	}
	p := printer{rt: c.rt}
	p.add(words(len(t.Items), "of", t.TotalItems, "entries of")).add(" ").ref(&t.WorkerRef)
	p.add(words(" from", t.Start)).add(", next ")
	if t.NextStart == nil {
		p.add("none")
	} else {
		p.number(uint64(*t.NextStart))
	}
	for i := range t.Items {
		p.add("; ").entry(&t.Items[i], t.WorkerRef.WorkerID)
	}
	return string(p.b), nil
}

// load reads everything and answers how much it is.
func (c *caller[S]) load() (string, error) {
	state, err := c.store.Load()
	if err != nil {
		return "", err
	}
	p := printer{rt: c.rt}
	p.state(&state)
	size, sum := len(p.b), p.checksum(0)
	p.b = append(p.b[:0], words(len(state.Events), "events,", len(state.Workers), "workers,", size, "bytes of state, crc")...)
	return string(p.add(" ").hex(sum).b), nil
}

// printers are used again: states are printed thousands of times a second.
var printers = sync.Pool{New: func() any { return new(printer) }}

// states prints what the callers' stores hold, and shows it to saw.
func states[S runtimeStore](callers []*caller[S], saw func(*caller[S], *store.State)) (string, error) {
	p := printers.Get().(*printer)
	defer printers.Put(p)
	p.b = p.b[:0]
	for _, c := range callers {
		state := c.loaded
		if state == nil {
			now, err := c.store.Load()
			if err != nil {
				return "", err
			}
			state = &now
		}
		p.rt = c.rt
		p.state(state)
		saw(c, state)
	}
	return string(p.b), nil
}

// sortedKeys gives the ids of config bundles in order.
func sortedKeys(bundles map[string]store.ConfigBundle) []string {
	keys := make([]string, 0, len(bundles))
	for key := range bundles {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
