/**
 * The store in a folder: an object is a file, its key the path below the folder.
 *
 * Invariants: bytes are written beside their place under a temporary name, synced, and only then named; the folder is
 * synced before a write is acknowledged, and so is each folder that was created for it. Nothing outside the folder is
 * ever read or written. `ifAbsent` is one step even between processes; `ifMatch` is one among conditional writers.
 */
export { LocalStore } from './local-store.ts';
