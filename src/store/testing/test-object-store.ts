import { describe } from 'node:test';
import { describeListing, describeObjects } from './object-promises.ts';
import { promisesOf, type OpenedStore } from './store-testing.ts';
import {
  describeConditions,
  describeDeferredSync,
  describePutAll,
  describeSignals,
  describeUploads,
} from './writing-promises.ts';

/**
 * The conformance suite: what ObjectStore promises, checked on a driver or a decorator. `open` gives a new, empty store
 * each time.
 */
export function testObjectStore(name: string, open: () => Promise<OpenedStore>): void {
  const promises = promisesOf(open);
  describe(`${name} keeps the promises of an object store`, () => {
    describeObjects(promises);
    describeConditions(promises);
    describeDeferredSync(promises);
    describePutAll(promises);
    describeListing(promises);
    describeUploads(promises);
    describeSignals(promises);
  });
}
