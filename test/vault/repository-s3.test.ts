import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MiB } from '../../src/base/bytes.ts';
import { hasCode } from '../../src/base/errors.ts';
import type { RestorePoint } from '../../src/vault/index.ts';
import { bucketContent } from '../e2e/s3-objects.ts';
import { scratchFolder } from '../e2e/scratch.ts';
import { makeSmallTree } from '../faults/small-tree.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { startRepositoryBackup } from '../fixtures/repository-process.ts';
import { backUp, restic, restore, withVault } from '../fixtures/repository-vault.ts';
import { type FaultKind, startFaultProxy } from '../servers/fault-proxy.ts';
import { type S3Server, sharedS3Server } from '../servers/s3.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { s3Spec } from '../store/s3-spec.ts';

/** Far beyond what giving up takes, which is a minute or so: a bound, not a measurement. */
const boundMs = 15 * 60_000;
const kinds: readonly FaultKind[] = ['error-500', 'slow-down', 'reset-before', 'reset-after', 'short-body'];
const { signal } = new AbortController();
const cleanups: (() => unknown)[] = [];
let s3: S3Server;
let scratch: string;
let tree: string;

before(async () => {
  process.env['TZ'] = 'UTC';
  s3 = await sharedS3Server();
  scratch = await scratchFolder({ after: (clean) => cleanups.push(clean) });
  tree = join(scratch, 'plain/tree');
  await makeSmallTree(tree);
  await writeFile(join(tree, 'huge'), randomBytes(24 * MiB));
});

after(async () => {
  await s3.stop();
  for (const clean of cleanups) await clean();
});

const prefix = 'host/repository';
/** By TLS: without it restic signs each piece of an upload, which this server does not know. */
const resticOn = (bucket: string, ...args: string[]): string => {
  const env = { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey };
  return restic(
    `s3:${s3.tlsEndpoint}/${bucket}/${prefix}`,
    ['--cacert', s3.caFile, '-o', 's3.bucket-lookup=path', ...args],
    { env },
  );
};

test('on S3 restic checks, restores and goes on from what we write, and we from what it writes', async () => {
  const bucket = await s3.createBucket();
  const place = s3Spec(s3, bucket, { prefix });
  const { id } = await withVault(place, (vault) => backUp(vault, tree));
  assert.match(resticOn(bucket, 'check', '--read-data'), /no errors were found/);
  const target = join(scratch, 'by-restic');
  resticOn(bucket, 'restore', id, '--target', target);
  assert.deepEqual(await compareTrees(tree, join(target, tree)), []);
  const summary = JSON.parse(resticOn(bucket, 'backup', '--json', tree).trim().split('\n').at(-1) ?? '') as {
    data_blobs: number;
  };
  assert.equal(summary.data_blobs, 0);
  await withVault(place, async (vault) => {
    const [ours, theirs] = await vault.list({ signal });
    for (const [name, point] of [
      ['ours', ours],
      ['theirs', theirs],
    ] as const) {
      const restored = join(scratch, name);
      assert.deepEqual(await restore(vault, point ?? assert.fail('it is not listed'), restored), []);
      assert.deepEqual(await compareTrees(tree, restored), []);
      assert.deepEqual(await vault.verify(point as RestorePoint, { readData: true, signal }), []);
    }
  });
  const { keys, unfinished } = await bucketContent(s3, bucket);
  assert.deepEqual(unfinished, []);
  assert.deepEqual(
    keys.filter((key) => !/^host\/repository\/(?:config|(?:keys|data\/..|index|snapshots)\/[0-9a-f]{64})$/.test(key)),
    [],
  );
});

test('on S3 two first backups at once make one repository', async () => {
  for (let round = 0; round < 2 * soakFactor; round += 1) {
    const bucket = await s3.createBucket();
    const place = s3Spec(s3, bucket, { prefix });
    await Promise.all([1, 2].map(() => startRepositoryBackup(tree, place).ended));
    assert.match(resticOn(bucket, 'check', '--read-data'), /no errors were found/);
    assert.equal((await withVault(place, (vault) => vault.list({ signal }))).length, 2);
  }
});

const gaveUp = (error: unknown): boolean => {
  assert.ok(hasCode(error, 'store/unavailable', 'store/throttled'), String(error));
  return true;
};

describe('behind a server whose answers go wrong,', { concurrency: true, timeout: boundMs * soakFactor }, () => {
  test('backups, list, verify and restore of a repository end right when 5 % do', async (t) => {
    const proxy = await startFaultProxy({ target: s3.endpoint, seed, rate: 0.05, kinds });
    t.after(() => proxy.stop());
    const bucket = await s3.createBucket();
    const place = s3Spec(s3, bucket, { prefix, endpoint: proxy.endpoint });
    const rounds = 3 * soakFactor;
    const spec = { packSizeMiB: 4 };
    for (let round = 0; round < rounds; round += 1) {
      const own = join(scratch, `faulty-${round}`);
      await makeSmallTree(own);
      await withVault(
        place,
        async (vault) => {
          const point = await backUp(vault, own);
          assert.equal((await vault.list({ signal })).length, round + 1);
          assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
          const target = join(scratch, `faulty-restored-${round}`);
          assert.deepEqual(await restore(vault, point, target), []);
          assert.deepEqual(await compareTrees(own, target), []);
        },
        { spec },
      );
    }
    assert.ok(kinds.filter((kind) => proxy.counters[kind] > 0).length > 2, 'hardly anything went wrong');
    assert.match(resticOn(bucket, 'check', '--read-data'), /no errors were found/);
  });

  for (const kind of ['error-500', 'slow-down', 'reset-before'] as const)
    test(`a repository gives up with words when every answer is ${kind}, at once or after a while`, async (t) => {
      const proxy = await startFaultProxy({ target: s3.endpoint, seed, rate: 1, kinds: [kind] });
      t.after(() => proxy.stop());
      const bucket = await s3.createBucket();
      const place = s3Spec(s3, bucket, { prefix, endpoint: proxy.endpoint });
      const never = withVault(place, async (vault) => {
        await Promise.all([
          assert.rejects(backUp(vault, tree), gaveUp),
          assert.rejects(vault.list({ signal }), gaveUp),
        ]);
      });
      // Another one has it dying in the middle of its packs.
      let packs = 0;
      const dying = await startFaultProxy({
        target: s3.endpoint,
        seed,
        rate: 1,
        kinds: [kind],
        filter: ({ url = '', method }) => {
          if (method === 'PUT' && url.includes('/data/')) packs += 1;
          return packs > 2;
        },
      });
      t.after(() => dying.stop());
      const half = await s3.createBucket();
      const dyingPlace = s3Spec(s3, half, { prefix, endpoint: dying.endpoint });
      await assert.rejects(
        withVault(dyingPlace, (vault) => backUp(vault, tree), { spec: { packSizeMiB: 4 } }),
        gaveUp,
      );
      await never;
      assert.deepEqual((await bucketContent(s3, bucket)).keys, []);
      await withVault(s3Spec(s3, half, { prefix }), async (vault) => {
        assert.deepEqual(await vault.list({ signal }), []);
        await backUp(vault, tree);
      });
      resticOn(half, 'unlock', '--remove-all');
      assert.match(resticOn(half, 'check', '--read-data'), /no errors were found/);
    });
});
