import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { scrub } from '../base/secrets.ts';
import { openStore } from './index.ts';

const options = { clock: systemClock, logger: silentLogger };

describe('opening a store', () => {
  it('registers the secrets of its specification, and shows none in its label', async () => {
    const keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'open-store-secret', sessionToken: 'open-store-token' };
    const store = await openStore({ type: 's3', bucket: 'b', prefix: '/x/y/', region: 'eu-west-1', ...keys }, options);
    assert.equal(store.label, 's3://b/x/y');
    assert.equal(scrub('open-store-secret open-store-token'), '******** ********');
    await store.close();
  });

  it('refuses half a pair of keys, and a prefix that can be no key', async () => {
    const half = { type: 's3', bucket: 'b', accessKeyId: 'AKIAEXAMPLE' } as const;
    await assert.rejects(openStore(half, options), { code: 'store/no-credentials' });
    const bad = { type: 's3', bucket: 'b', prefix: 'a//b' } as const;
    await assert.rejects(openStore(bad, options), { code: 'store/bad-key' });
    const noCa = { type: 's3', bucket: 'b', caFile: '/nowhere/ca.pem' } as const;
    await assert.rejects(openStore(noCa, options), { code: 'store/bad-address' });
  });

  it("loads no S3 client when it isn't needed", async () => {
    const script = `
      import { registerHooks } from 'node:module';
      registerHooks({ resolve: (name, context, next) => {
        if (name.includes('aws-sdk')) throw new Error('loaded ' + name);
        return next(name, context);
      } });
      const { openStore } = await import(${JSON.stringify(new URL('index.ts', import.meta.url).href)});
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const clock = { now: () => new Date(), monotonicMs: () => 0, sleep: async () => {} };
      await openStore({ type: 'local', path: '/nowhere' }, { clock, logger });
      await openStore({ type: 's3', bucket: 'b', region: 'r' }, { clock, logger }).catch((error) => console.log(error.message));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.match(stdout, /^loaded @aws-sdk/);
  });
});
