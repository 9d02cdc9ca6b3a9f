/** The store in memory: what a test that needs no disk stands on. */
export { MemoryStore } from './memory-store.ts';
