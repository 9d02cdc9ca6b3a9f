import { systemClock } from '../../base/clock.ts';
import { testObjectStore } from '../testing/test-object-store.ts';
import { MemoryStore } from './memory-store.ts';

testObjectStore('the memory store', async () => {
  const store = new MemoryStore(systemClock);
  return { store, close: () => store.close() };
});
