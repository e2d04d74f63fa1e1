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
//	                          /<log>        what was the end of a log, and no record
//
// Each snapshot has a second name beside it, .runtime.json.spare or
// .worker.json.spare: a link, or a copy where the disk has no links.
//
// An <id> is "id-" and the id's bytes in hex. What the format's first writer has
// left opens here, and what is here after Close can be read by its readers.
//
// # What is promised
//
// What returned without an error is durable: it survives a kill of the process
// and a cut of the power, on any disk that keeps what POSIX says of fsync: one too
// on which a rename may leave neither name, and an append garbage in its place.
// Open does not fail because of a crash. It finishes or starts anew a creation that
// was interrupted; puts a snapshot back from its second name; cuts off the torn end
// of a log; removes temporary files; and sets aside a worker's folder without a
// readable snapshot: it is kept, and a warning diagnostic with [CodeWorkerIgnored]
// tells where. What Open and reads show is durable as well. Damage that no crash
// explains is reported as [ErrCorrupt], with file, line and byte, and never cut.
//
// An append costs one sync. A snapshot costs three: of its content, of the folder
// with its second name, of the folder with its first; a new worker one more.
//
// # Damage at rest
//
// Lines and snapshots have checksums, and snapshots say how long the log beside
// them was. So damage is told from what a crash leaves in all that was written
// before the last snapshot or Close. After that, and before a kill, the end of a
// log can be lost to damage, which no reader can tell from a crash: Open cuts off
// what is cut short or reads as zeros by whole sectors, as a crash leaves it on
// most disks. Any other end, without a good line in or behind it, is the garbage
// that some disks leave, or damage: Open keeps it under set-aside/, and tells by a
// warning diagnostic with [CodeTailIgnored], before it cuts it off. Garbage that
// happens to hold a good line with a higher number is refused as damage. What an old writer
// left without checksums has to be good JSON, and no more can be said of it. A
// line whose damage is in the name of its checksum's field passes for one of
// these, and says what it said.
//
// [Verify] reads a store without changing it and names each damaged record;
// [Repair] takes these out, and keeps the originals.
//
// # Errors
//
// An operation that was interrupted, or that returned an error of kind [ErrIO],
// may have taken effect or not, as a whole; all others stay as they are. What a
// store does on an error, by what has failed:
//
//	what has failed                    error        on the disk                   and then
//	an argument, id or limit           ErrInvalid,  as before                     it goes on
//	                                   ErrLimit, ErrMissing, ErrWrongRuntime, ErrWrongCursor
//	a read: open, stat, read           ErrIO        as before                     it goes on; try again
//	a read: what is read is damaged    ErrCorrupt   as before                     it goes on; the same again, until repaired
//	an append: open, write, no room    ErrIO        as before: it is taken back   it goes on; try again
//	  taking it back                   ErrIO        part of a line                it stops; Open cuts that off
//	  sync                             ErrIO        the line, part of it, none    it stops; Open keeps a whole line
//	a snapshot: read, create, write,   ErrIO        the old one                   it goes on; try again
//	  close
//	  sync of the temporary file       ErrIO        the old one                   it stops
//	  rename, sync of the folder       ErrIO        the old or the new one        it stops; reads give the old one;
//	                                                                              Open gives what is there
//	a new worker: mkdir                ErrIO        as before: it is taken back   it goes on; try again
//	  what comes after                 ErrIO        a worker, or part of one      it stops; Open sets a part aside
//	Close: noting the logs' sizes      ErrIO        all that was acknowledged     it is closed
//	Open: any call                     ErrIO        all that was acknowledged     it is not open; try again
//	Open: damage                       ErrCorrupt,  all that is there             it is not open; Verify, Repair
//	                                   ErrMissing
//	Open: there is another owner       ErrLocked    as before                     it is not open; try again
//
// A store that has stopped answers every write with [ErrFailed], and the cause,
// until it is closed and opened again; reads go on, and show what was acknowledged
// before. It stops after a failed sync since the system may have dropped what it
// could not write, and reports that only once (fsync(2)).
//
// # Memory
//
// An open store has 8.4 bytes in memory for each record of a long log, and for each read what
// that gives out. Opening, verifying and repairing read a log a line at a time.
//
// # Ids
//
// Ids of events and sequences of transcript entries only go up. Counters in the
// snapshots are to be written before the lines that use them up; Load gives
// counters that are past everything in the logs, so that none is used twice.
package store
