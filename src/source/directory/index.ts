/**
 * A directory as a source, and its target: a tree of files read with all that Linux keeps of them, and written back.
 *
 * Nouns: a *node* is what the file system has, an *entry* what a restore point keeps of it. A *filter* decides by
 * .gitignore's rules. *Staging* is the hidden directory where a restore is written before it gets its final names.
 *
 * Invariants: names are bytes and never decoded on their way. Reading is synchronous in short turns (a third of the CPU
 * time of Node's asynchronous calls), with a parallel warm-up where the file system is slow. What Node.js has no call
 * for is called in the C library (native-fs.ts). A restore touches no final name before its entries have ended well.
 */
export type { DirectorySourceSpec } from './open-directory-source.ts';
export { openDirectorySource } from './open-directory-source.ts';
export type { Overwrite } from './restoring/merge-staging.ts';
export type { RestoreProblem, ReportRestoreProblem } from './restoring/restore-problem.ts';
export type { RestoreProgress, RestoreTreeOptions, RestoreTreeResult } from './restoring/restore-tree.ts';
export { restoreTree } from './restoring/restore-tree.ts';
export { cacheMarker, type Marker } from './reading/marker.ts';
export { createPathFilter } from './reading/path-filter.ts';
export { showPath } from './paths.ts';
