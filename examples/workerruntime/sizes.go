package workerruntime

// Sizes of what generated workloads write, in bytes. What is written between two
// syncs is torn in sectors: k of them leave up to 2^k disks, so they bound what
// one operation costs to explore. They are chosen so that no file is written
// with more than maxPending bytes, JSON and all.
const (
	maxPending = 13 * 512

	bundle1Min, bundle1Max = 2000, 3000 // the large config bundle, b1
	bundle2Min, bundle2Max = 100, 300   // the small one, b2
	workerMin, workerMax   = 100, 800
	eventMin, eventMax     = 100, 800
	entryMin, entryMax     = 100, 700
	longLine               = 1500 // over several sectors, for operations one by one
	sizeStep               = 100

	// What the caller keeps of its own diagnostics: the latest.
	maxDiagnostics = 2

	// What Check lets people ask for.
	minSize, maxSize = 48, 1 << 16
	maxDiagnoseBytes = 200
)
