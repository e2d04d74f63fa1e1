package faultfs

import "slices"

// POSIX is what fsync(2) and POSIX.1-2024 promise and nothing more: fsync of a
// file covers that inode's data and size; fsync of a folder covers its entries;
// nothing else is ordered. A size may be there without its data, which then reads
// as zeros, and of a long write a size in between, at the end of a page. A rename
// within a folder is one effect; from one folder to another it is two, one in each,
// so that a crash may leave either name, both, or none.
var POSIX = Model{
	Name:   "posix",
	Doc:    "fsync covers one inode's data and size, or one folder's entries; nothing else is ordered",
	Source: "fsync(2), rename(2); POSIX.1-2024, fsync()",
	Sector: 512, Block: 4096, Grow: GrowZeros, Tail: GrowZeros, Rename: RenameFolders,
	Within: []string{"posix-weakest"},
}

const (
	alice   = "Pillai et al., OSDI '14 (ALICE), "
	ferrite = "Bornholt et al., ASPLOS '16 (Ferrite), "
	linux   = "measured on Linux 6.18 with crash images of block writes; "
)

// What several models keep in order.
var (
	allInOrder   = Order{ClassAny, ClassAny, ScopeAll}
	dirsInOrder  = Order{ClassDir, ClassDir, ScopeAll}
	sizesInOrder = Order{ClassSize, ClassSize, ScopeFile}
	entryInOrder = Order{ClassDir, ClassDir, ScopeEntry}
)

// Models lists the built-in models: strict POSIX, the weakest, those that were
// published, and those made after what was measured. The list is the caller's.
func Models() []Model { return slices.Concat([]Model{POSIX}, published(), measured()) }

// published are the models of papers, the weakest first.
func published() []Model {
	return []Model{{
		Name: "posix-weakest", Source: alice + "section 3.3, its default model",
		Doc:    "posix, and garbage before data, renames and truncations in steps",
		Sector: 512, Block: 512, Grow: GrowGarbage, Tail: GrowGarbage, Shrink: true, Unlink: true, Rename: RenameSteps,
	}, {
		Name: "ext3-writeback", Source: alice + "tables 1 and 3d",
		Within: []string{"posix-weakest"},
		Doc:    "entries and sizes in order; data at any time",
		Sector: 512, Block: 4096, Grow: GrowGarbage, Tail: GrowGarbage, Rename: RenameWhole,
		SyncFile: CoverDirs | CoverSizes, SyncDir: CoverDirs | CoverSizes,
		Order: []Order{{ClassDir | ClassSize, ClassDir | ClassSize, ScopeAll}},
	}, {
		Name: "ext3-ordered", Source: alice + "tables 1 and 3d",
		Within: []string{"ext3-writeback", "ext4-ordered", "xfs"},
		Doc:    "entries, appends and truncations in order, after the overwrites before them; fsync covers all",
		Sector: 512, Block: 4096, Grow: GrowData, Tail: GrowData, Rename: RenameWhole,
		SyncFile: CoverAll, SyncDir: CoverAll,
		Order: []Order{{ClassDir | ClassSize | ClassOverwrite, ClassDir | ClassSize, ScopeAll}},
	}, {
		Name: "ext3-journal", Source: alice + "tables 1 and 3d",
		Within: []string{"ext3-ordered", "ext4-journal", "btrfs", "btrfs-alice", "ext4-ferrite", "ext4-alice"},
		Doc:    "operations in order; fsync covers all",
		Sector: 4096, Block: 4096, Grow: GrowData, Tail: GrowData, Rename: RenameWhole,
		SyncFile: CoverAll, SyncDir: CoverAll, Order: []Order{allInOrder},
	}, {
		Name: "ext4-alice", Source: alice + "tables 1 and 3d, there ext4-ordered",
		Within: []string{"posix"},
		Doc:    "entries in order; a file's data before its size and before its rename; fsync covers the names that lead to the file",
		Sector: 512, Block: 4096, Grow: GrowData, Tail: GrowData, Rename: RenameWhole,
		SyncFile: CoverNames, Order: []Order{dirsInOrder, sizesInOrder, {ClassData | ClassSize, ClassRename, ScopeFile}},
	}, {
		Name: "btrfs-alice", Source: alice + "tables 1 and 3d, there btrfs",
		Within: []string{"posix"},
		Doc:    "a file's data before its size and before its rename; fsync covers the names that lead to the file",
		Sector: 4096, Block: 4096, Grow: GrowData, Tail: GrowData, Rename: RenameWhole,
		SyncFile: CoverNames, Order: []Order{sizesInOrder, entryInOrder, {ClassData | ClassSize, ClassRename, ScopeFile}},
	}, {
		Name: "ext4-ferrite", Source: ferrite + "section 4, ext4",
		Within: []string{"posix"},
		Doc:    "ordered are: what changes one file's size, one block, entries with something in common; data before a later extension of its file",
		Sector: 512, Block: 4096, Grow: GrowData, Tail: GrowZeros, Rename: RenameWhole,
		SyncFile: CoverNames,
		Order: []Order{sizesInOrder, {ClassData, ClassData, ScopeBlock}, {ClassDir, ClassDir, ScopeName},
			{ClassData | ClassSize, ClassAppend | ClassSize, ScopeFile}},
	}}
}

// measured are the models after what real file systems left.
func measured() []Model {
	return []Model{{
		Name: "ext4-ordered", Source: linux + "mount options data=ordered",
		Within: []string{"ext4-ordered-noauto"},
		Doc:    "entries in order; a size may come without its data, but where a rename replaces; fsync covers all entries",
		Sector: 512, Block: 4096, Grow: GrowZeros, Tail: GrowZeros, Rename: RenameWhole,
		SyncFile: CoverDirs, SyncDir: CoverDirs,
		Order: []Order{dirsInOrder, sizesInOrder, {ClassData | ClassSize, ClassReplace, ScopeFile}},
	}, {
		Name: "ext4-ordered-noauto", Source: linux + "mount options data=ordered,noauto_da_alloc",
		Within: []string{"ext4-writeback"},
		Doc:    "entries in order; a size may come without its data; fsync covers all entries",
		Sector: 512, Block: 4096, Grow: GrowZeros, Tail: GrowZeros, Rename: RenameWhole,
		SyncFile: CoverDirs, SyncDir: CoverDirs, Order: []Order{dirsInOrder, sizesInOrder},
	}, {
		Name: "ext4-writeback", Source: linux + "mount options data=writeback",
		Within: []string{"posix"},
		Doc:    "entries in order; a size may come without its data; fsync covers all entries",
		Sector: 512, Block: 4096, Grow: GrowZeros, Tail: GrowZeros, Rename: RenameWhole,
		SyncFile: CoverDirs, SyncDir: CoverDirs, Order: []Order{dirsInOrder, sizesInOrder},
	}, {
		Name: "ext4-journal", Source: linux + "mount options data=journal",
		Within: []string{"ext4-ordered"},
		Doc:    "operations in order; fsync covers all",
		Sector: 512, Block: 4096, Grow: GrowZeros, Tail: GrowZeros, Rename: RenameWhole,
		SyncFile: CoverAll, SyncDir: CoverAll, Order: []Order{allInOrder},
	}, {
		Name: "xfs", Source: linux + "default mount options",
		Within: []string{"ext4-writeback"},
		Doc:    "entries in order; a size never comes without its data; fsync covers all entries",
		Sector: 512, Block: 4096, Grow: GrowData, Tail: GrowData, Rename: RenameWhole,
		SyncFile: CoverDirs, SyncDir: CoverDirs, Order: []Order{dirsInOrder, sizesInOrder},
	}, {
		Name: "btrfs", Source: linux + "default mount options",
		Within: []string{"btrfs-alice"},
		Doc:    "a file's data before its size and before its rename; fsync covers the names that lead to the file",
		Sector: 4096, Block: 4096, Grow: GrowData, Tail: GrowData, Rename: RenameWhole,
		SyncFile: CoverNames, Order: []Order{sizesInOrder, entryInOrder, {ClassData | ClassSize, ClassRename, ScopeFile}},
	}}
}
