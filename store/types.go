package store

// SchemaVersion is the version of the layout and of both snapshots.
const SchemaVersion = 1

// Backend is the only backend that a runtime snapshot of this layout names.
const Backend = "fs_store"

// Statuses of a runtime and of a worker. A runtime is never cancelled.
const (
	Running   = "running"
	Stopped   = "stopped"
	Cancelled = "cancelled"
)

// DefaultMaxItems is what each of [Limits] is where it is not given.
const DefaultMaxItems = 256

// Limits bound what one read gives out.
type Limits struct {
	MaxTranscriptProjectionItems int `json:"max_transcript_projection_items"`
	MaxEventBatchItems           int `json:"max_event_batch_items"`
}

// RuntimeSnapshot is what runtime.json holds.
type RuntimeSnapshot struct {
	SchemaVersion      int                     `json:"schema_version"`
	RuntimeID          string                  `json:"runtime_id"`
	DisplayName        *string                 `json:"display_name"`
	Backend            string                  `json:"backend"`
	Status             string                  `json:"status"`
	Limits             Limits                  `json:"limits"`
	NextWorkerSequence uint64                  `json:"next_worker_sequence"`
	NextEventID        uint64                  `json:"next_event_id"`
	NextDiagnosticID   uint64                  `json:"next_diagnostic_id"`
	ConfigBundles      map[string]ConfigBundle `json:"config_bundles"`
	Diagnostics        []Diagnostic            `json:"diagnostics"`
}

// WorkerRef names one worker of one runtime.
type WorkerRef struct {
	RuntimeID string `json:"runtime_id"`
	WorkerID  string `json:"worker_id"`
}

// WorkerSnapshot is what worker.json holds.
type WorkerSnapshot struct {
	SchemaVersion          int       `json:"schema_version"`
	WorkerRef              WorkerRef `json:"worker_ref"`
	WorkerID               string    `json:"worker_id"`
	Status                 string    `json:"status"`
	Request                Request   `json:"request"`
	NextTranscriptSequence uint64    `json:"next_transcript_sequence"`
	LastEventID            uint64    `json:"last_event_id"`
}

// Request is what a worker was asked to do.
type Request struct {
	Intent                Intent           `json:"intent"`
	Profile               Profile          `json:"profile"`
	ConfigBundle          *ConfigBundleRef `json:"config_bundle,omitempty"`
	RequestedCapabilities []Capability     `json:"requested_capabilities,omitempty"`
	WorkspaceRefs         []NamedReference `json:"workspace_refs,omitempty"`
	MountRefs             []NamedReference `json:"mount_refs,omitempty"`
}

// Intent is told apart by Kind: "assistant" (Purpose), "task" (Objective) or
// "role" (Role, Purpose).
type Intent struct {
	Kind      string  `json:"kind"`
	Objective *string `json:"objective,omitempty"`
	Role      *string `json:"role,omitempty"`
	Purpose   *string `json:"purpose,omitempty"`
}

// Profile is {"kind":"runtime_default"}, or a "builtin" or "named" one by Value.
type Profile struct {
	Kind  string  `json:"kind"`
	Value *string `json:"value,omitempty"`
}

// ConfigBundleRef names a version of a config bundle.
type ConfigBundleRef struct {
	ID     string `json:"id"`
	Digest string `json:"digest"`
}

// Capability is one that a worker asks for.
type Capability struct {
	Name   string  `json:"name"`
	Reason *string `json:"reason,omitempty"`
}

// NamedReference leads to a workspace or a mount.
type NamedReference struct {
	Name      string `json:"name"`
	Reference string `json:"reference"`
}

// Event is one line of events.jsonl.
type Event struct {
	ID        uint64     `json:"id"`
	WorkerRef *WorkerRef `json:"worker_ref,omitempty"`
	Kind      EventKind  `json:"kind"`
	Message   string     `json:"message"`
}

// EventKind is "runtime_started", "runtime_stopped", "worker_created",
// "worker_input_accepted", "worker_stopped" or "worker_cancelled".
type EventKind struct {
	Kind string `json:"kind"`
}

// TranscriptEntry is one line of a worker's transcript.jsonl. Role is "user" or
// "system".
type TranscriptEntry struct {
	Sequence  uint64    `json:"sequence"`
	WorkerRef WorkerRef `json:"worker_ref"`
	Role      string    `json:"role"`
	Content   string    `json:"content"`
	EventID   uint64    `json:"event_id"`
}

// Diagnostic is something that a runtime's owner should know. Severity is
// "info", "warning" or "error".
type Diagnostic struct {
	ID        uint64     `json:"id"`
	Severity  string     `json:"severity"`
	Code      string     `json:"code"`
	Message   string     `json:"message"`
	WorkerRef *WorkerRef `json:"worker_ref,omitempty"`
}

// ConfigBundle is a set of profiles and declarations for workers.
type ConfigBundle struct {
	Metadata     BundleMetadata    `json:"metadata"`
	Profiles     []BundleProfile   `json:"profiles,omitempty"`
	Declarations []BundleStatement `json:"declarations,omitempty"`
}

// BundleMetadata says where a config bundle comes from.
type BundleMetadata struct {
	ID          string     `json:"id"`
	Digest      string     `json:"digest"`
	Revision    string     `json:"revision"`
	WorkspaceID string     `json:"workspace_id"`
	CreatedAt   string     `json:"created_at"`
	Provenance  Provenance `json:"provenance"`
}

// Provenance is the source of a config bundle.
type Provenance struct {
	Source string  `json:"source"`
	Detail *string `json:"detail,omitempty"`
}

// BundleProfile is one profile that a bundle offers.
type BundleProfile struct {
	Selector Profile `json:"selector"`
	Label    *string `json:"label,omitempty"`
}

// BundleStatement is one declaration of a bundle. Kind is "secret_ref",
// "mount_grant", "network_policy", "shell_policy", "git_policy",
// "capability_grant" or "unsupported".
type BundleStatement struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Reference string `json:"reference"`
}

// EventCursor is a place in a runtime's events: before the first whose id is at
// least NextEventID.
type EventCursor struct {
	RuntimeID   string
	NextEventID uint64
}

// EventBatch is what ReadEvents gives. Cursor is the place after the last event
// given, or where reading began if there was none.
type EventBatch struct {
	Cursor  EventCursor
	Events  []Event
	HasMore bool
}

// TranscriptProjection is what ReadTranscript gives: the slice from Start on.
// NextStart is nil at the end.
type TranscriptProjection struct {
	WorkerRef  WorkerRef
	Start      int
	TotalItems int
	Items      []TranscriptEntry
	NextStart  *int
}

// Worker is one worker of a [State].
type Worker struct {
	Snapshot   WorkerSnapshot
	Transcript []TranscriptEntry
}

// State is all that a store keeps of a runtime. Its counters are at least one
// more than the highest id in the logs. Workers are in the order of their ids.
type State struct {
	Snapshot RuntimeSnapshot
	Events   []Event
	Workers  []Worker
}
