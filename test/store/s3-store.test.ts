import { after, describe } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openStore } from '../../src/store/index.ts';
import { testObjectStore } from '../../src/store/testing/test-object-store.ts';
import { sharedS3Server } from '../servers/s3.ts';
import { s3Spec } from './s3-spec.ts';

const server = await sharedS3Server();
after(() => server.stop());

describe('on a real S3 server', () => {
  testObjectStore('the S3 store', async () => {
    const spec = s3Spec(server, await server.createBucket(), { prefix: 'some/prefix', partSizeMiB: 5 });
    const store = await openStore(spec, { clock: systemClock, logger: silentLogger });
    return { store, close: () => store.close() };
  });
});
