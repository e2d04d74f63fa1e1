// Package store keeps the state of a worker runtime on a disk: events and
// transcripts in JSON Lines logs, snapshots in JSON files that are replaced
// whole.
//
//	runtimes/<id>/runtime.json              snapshot of the runtime
//	             /events.jsonl              log
//	             /events.size.json          how long the log was at the last Close
//	             /workers/<id>/worker.json  snapshot of a worker
//	                          /transcript.jsonl, /transcript.size.json
//	             /set-aside/<n>/<id>/       what was a worker's folder, and no worker
//
// An <id> is "id-" and the id's bytes in hex. What the format's first writer has
// left opens here, and what is here after Close can be read by its readers.
//
// # What is promised
//
// What returned without an error is durable: it survives a kill of the process
// and a cut of the power, on any disk that keeps what POSIX says of fsync. Open
// does not fail because of a crash. It finishes or starts anew a creation that
// was interrupted; cuts off the torn end of a log; removes temporary files; and
// sets aside a worker's folder without a readable snapshot: it is kept, and a
// warning diagnostic with [CodeWorkerIgnored] tells where. What Open and reads
// show is durable as well. Damage that no crash explains is reported as
// [ErrCorrupt], with file, line and byte, and never cut.
//
// Lines and snapshots have checksums, and snapshots say how long the log beside
// them was. So damage is told from what a crash leaves in all that was written
// before the last snapshot or Close. After that, and before a kill, the last
// lines can be lost to damage that zeroes whole sectors at the end of a log, as
// a crash does: no reader can tell, and Open cuts them off. What an old writer
// left without checksums has to be good JSON, and no more can be said of it.
//
// An operation that was interrupted, or that returned an error of kind [ErrIO],
// may have taken effect or not, as a whole. After an error the store is one of:
//
//	error                         and then
//	ErrInvalid, ErrLimit,         nothing was written; the store goes on
//	ErrWrongRuntime, ErrWrongCursor,
//	ErrMissing
//	ErrIO of a write              it was taken back; the operation may be tried again
//	ErrIO of a sync or rename,    every later write is ErrFailed, until the store is closed and
//	of taking a write back, or    opened again; reads go on with what was acknowledged before
//	of filling a worker's folder
//	ErrLocked                     another owner has it; nothing was changed
//
// The store refuses to write after a failed sync since the system may have
// dropped what it could not write, and reports that only once (fsync(2)).
//
// # Ids
//
// Ids of events and sequences of transcript entries only go up. Counters in the
// snapshots are to be written before the lines that use them up; Load gives
// counters that are past everything in the logs, so that none is used twice.
package store
