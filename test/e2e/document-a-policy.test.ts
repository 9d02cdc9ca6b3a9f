/** The policy of document A: s3:ListBucket, s3:PutObject, s3:AbortMultipartUpload and s3:DeleteObject, and no s3:GetObject. */
import assert from 'node:assert/strict';
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { seed } from '../soak-size.ts';
import { makePortal, oneShot, told, uploadsOf, type Portal } from './portal.ts';
import { assertForUsers, holdfast } from './scratch.ts';

let s3: S3Server;
before(async () => void (s3 = await sharedS3Server()));
after(() => s3.stop());

/** As Amazon's store answers whoever lacks s3:GetObject: he may neither read an object, nor look at it, nor compare it. */
async function atAmazon(t: TestContext): Promise<Portal> {
  const proxy = await startFaultProxy({
    target: s3.endpoint,
    seed,
    rate: 1,
    kinds: ['access-denied'],
    filter: ({ method, url = '', headers }) => {
      const ofObject = /^\/[^/?]+\/[^?]/.test(url);
      return ofObject && (method === 'GET' || method === 'HEAD' || headers['if-match'] !== undefined);
    },
  });
  t.after(() => proxy.stop());
  return await makePortal(t, s3, proxy.endpoint);
}

/** A bucket of the test server whose policy takes s3:GetObject away. */
async function byPolicy(t: TestContext): Promise<Portal> {
  const portal = await makePortal(t, s3);
  const client = s3.client();
  const Resource = `arn:aws:s3:::${portal.bucket}/*`;
  const Statement = [{ Effect: 'Deny', Principal: '*', Action: 's3:GetObject', Resource }];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: portal.bucket, Policy })).finally(() => client.destroy());
  return portal;
}

const filesOf = ({ data, logs }: Portal): string[] => [
  join(data, 'example.txt'),
  join(data, 'reports/2026.txt'),
  join(logs, 'portal.log'),
];

for (const [where, open] of [
  ['as Amazon’s store keeps it', atAmazon],
  ['as a policy of the bucket', byPolicy],
] as const)
  describe(`without s3:GetObject, ${where},`, { concurrency: true }, () => {
    test('runs stay incremental by the manifest on this machine', async (t) => {
      const portal = await open(t);
      assert.deepEqual(await uploadsOf(portal), filesOf(portal));
      assert.deepEqual(await uploadsOf(portal), []);
      await appendFile(join(portal.data, 'example.txt'), 'more\n');
      assert.deepEqual(await uploadsOf(portal), [join(portal.data, 'example.txt')]);
      assert.deepEqual(await uploadsOf(portal), []);
      const left = (await portal.keys()).filter((key) => /lock|pending/.test(key));
      assert.deepEqual(left, []);
    });

    test('a container with an empty disk sends every file again, says why, and ends well', async (t) => {
      const portal = await open(t);
      await uploadsOf(portal);
      await rm(join(portal.folder, '.backup_manifest.json'));
      const run = await portal.backup(oneShot);
      assert.equal(run.status, 0, run.stdout + run.stderr);
      assert.equal(told(run, 'file_uploaded').length, 3);
      assert.match(run.stderr, /\.backup_manifest\.json.*s3:GetObject is missing.*every file is sent again/);
      assert.deepEqual(await uploadsOf(portal), []);
      assertForUsers(run);
    });

    test('a manifest on this machine that is not the one in the bucket is not believed', async (t) => {
      const portal = await open(t);
      await uploadsOf(portal);
      const elsewhere = ['--config', join(portal.folder, 'backup_config.yaml'), '--once'];
      const other = join(portal.folder, 'other/.backup_manifest.json');
      await appendFile(join(portal.data, 'example.txt'), 'more\n');
      assert.equal((await uploadsOf(portal, elsewhere, { env: { BACKUP_MANIFEST: other } })).length, 3);
      await writeFile(join(portal.data, 'late.txt'), 'late\n');
      assert.equal((await uploadsOf(portal, elsewhere)).length, 4);
    });

    test('--archive makes its object', async (t) => {
      const portal = await open(t);
      const run = await portal.backup([...oneShot, '--archive']);
      assert.equal(run.status, 0, run.stdout + run.stderr);
      assert.equal(told(run, 'backup_archive_uploaded').length, 1);
      assert.equal((await portal.keys()).length, 2);
    });

    test('a mirror that is to delete what is gone is refused, and the right named', async (t) => {
      const portal = await open(t);
      const { stdout } = await holdfast(['config', 'convert', '--config', 'backup_config.yaml'], {
        env: portal.env,
        cwd: portal.folder,
      });
      await writeFile(
        join(portal.folder, 'holdfast.yaml'),
        stdout.replace(/^( *)(type: mirror)$/m, '$1$2\n$1delete: true'),
      );
      const native = ['--config', 'holdfast.yaml', '--once'];
      assert.equal((await uploadsOf(portal, native)).length, 3);
      const run = await portal.backup(native);
      assert.equal(run.status, 2, run.stdout);
      assert.match(
        told(run, 'file_upload_failed', 'error').join(),
        /a mirror that deletes what is gone must read its manifest/,
      );
    });
  });
