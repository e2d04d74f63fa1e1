// Package faultfs is what a store needs of a disk, as an interface, with two
// disks behind it: the real one below a folder ([OS]) and a simulated one
// ([Sim]) that records everything asked of it.
//
// From a recording ([Trace]) and the rules of persistence ([Model]) comes every
// disk that a power cut may leave: at each cut the operations that a sync has
// covered are durable, the effects of the others are pending, and any set of
// pending effects that the rules allow may have reached the disk. An image of
// one such disk is again a [Sim], on which a store can be recovered, and
// recorded, in its turn.
//
// Between a store and either disk stands what a test puts there ([Intercept]): a
// fault plan ([Plan]) strikes the calls that it names with what disks are known to
// do, errors, short and torn writes, a sync that fails and loses what it should
// have stored, and more ([Action]).
package faultfs
