// Package workerruntime puts the stores of a worker runtime under crashtest: the
// production one (package store) and the design that it came from (package
// examples/seedstore). Each is driven by the same caller, which keeps in memory
// what a real one keeps, and so is the reference (package model).
//
// One process owns two runtimes on one disk. Their ids, and those of their
// workers, are as awkward as ids may be, so operations, answers and states call
// them by the names in [Aliases].
//
// # Operations
//
//	runtime RT STATUS                    write the runtime's snapshot
//	bundle RT BUNDLE SIZE                and in it a config bundle of so many bytes
//	diagnose RT WORKER "TEXT"            and in it a diagnostic
//	worker RT WORKER STATUS SIZE         write a worker's snapshot, its request of so many bytes
//	event RT KIND WORKER SIZE            append an event, its message of so many bytes
//	transcript RT WORKER ROLE SIZE       append an entry, its content of so many bytes
//	events RT FROM LIMIT                 read events from an id on
//	read RT WORKER START LIMIT           read a transcript from an index on
//	load RT                              read everything, and answer how much it is
//	reopen                               close both runtimes and open them again
//
// RT is r1 or r2; WORKER is w1 to w5, w-long (an id one byte too long), w-blank
// (an id of blanks) and, with event and diagnose, - for none; BUNDLE is b1 or
// b2. STATUS is running or stopped, of a worker also cancelled. KIND is an
// event's kind, ROLE is user or system.
//
// What takes a WORKER, and events, may end in "as RT", the other runtime: the
// ref or the cursor then names that one, which is to be refused. An event or
// transcript that ends in "again" takes the id or sequence that was used last,
// which is to be refused too.
//
// Contents are made from the operation and from what is written already, so
// that no two of them are equal and each piece of one tells where it belongs.
package workerruntime
