import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { closedPort } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { s3Environment } from './s3-environment.ts';
import { bucketContent } from './s3-objects.ts';
import { assertFailed, assertFails, filesIn, holdfast, listPoints, scratchFolder } from './scratch.ts';
import { readOnly, smallDisk, withClockOff, withMounts } from './wrapped.ts';

let s3: S3Server;
let bucket: string;
let docs: string;
const cleanups: (() => Promise<void>)[] = [];

before(async () => {
  s3 = await sharedS3Server();
  bucket = await s3.createBucket();
  docs = await scratchFolder({ after: (clean) => cleanups.push(clean) });
  await writeFile(join(docs, 'letter.txt'), 'Dear reader\n');
  await writeFile(join(docs, 'noise'), randomBytes(3_000_000));
});

after(async () => {
  await s3.stop();
  await Promise.all(cleanups.map((clean) => clean()));
});

function environment(changes: Readonly<Record<string, string | undefined>> = {}) {
  return { ...s3Environment(s3), ...changes };
}

/** Both ways to meet a store: a backup and a list. */
async function assertStoreFails(address: string, env: Record<string, string | undefined>, says: readonly RegExp[]) {
  const before = await bucketContent(s3, bucket);
  await assertFails(['backup', docs, '--to', address], { status: 2, says }, { env });
  await assertFails(['list', '--from', address], { status: 2, says }, { env });
  assert.deepEqual(await bucketContent(s3, bucket), before);
}

test('a bucket that does not exist is named', async () => {
  const says = [/there is no bucket "no-such-bucket" at http/, /Create the bucket, or correct its name/];
  await assertStoreFails('s3://no-such-bucket/x', environment(), says);
});

test('a wrong secret key is told from a missing right', async () => {
  const env = environment({ AWS_SECRET_ACCESS_KEY: 'not-the-secret-key-at-all' });
  const says = [/secret key doesn't belong to the access key/, /Correct the secret access key/];
  await assertStoreFails(`s3://${bucket}/x`, env, says);
});

test('an access key that the store does not know is told', async () => {
  const env = environment({ AWS_ACCESS_KEY_ID: 'NOSUCHACCESSKEY00000' });
  await assertStoreFails(`s3://${bucket}/x`, env, [/doesn't know the access key/, /Correct the access key ID/]);
});

test('keys without rights in the bucket are told which rights they need', async () => {
  const { accessKey, secretKey } = s3.secondAccount;
  const env = environment({ AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey });
  await assertStoreFails(`s3://${bucket}/x`, env, [/refuses it \(access denied in "/, /s3:PutObject/]);
});

test('without credentials, or with half of them, it is said how to give them', async () => {
  const none = environment({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined });
  const says = [/there are no credentials/, /AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/];
  await assertStoreFails(`s3://${bucket}/x`, none, says);
  await assertStoreFails(`s3://${bucket}/x`, environment({ AWS_SECRET_ACCESS_KEY: undefined }), says);
});

test('an endpoint whose name nobody knows is named', async () => {
  const env = environment({ AWS_ENDPOINT_URL: 'http://no-such-host.invalid' });
  await assertStoreFails(`s3://${bucket}/x`, env, [
    /the name in http:\/\/no-such-host\.invalid is unknown/,
    /endpoint/,
  ]);
});

test('a store that is down is tried again and then named, and the other vault of the run is kept', async (t) => {
  const disk = await scratchFolder(t);
  const env = environment({ AWS_ENDPOINT_URL: `http://127.0.0.1:${closedPort}` });
  const address = `s3://${bucket}/x`;
  const says = [
    /is tried again/,
    new RegExp(`127\\.0\\.0\\.1:${closedPort} can't be reached`),
    /Is the endpoint right/,
  ];
  await Promise.all([
    assertFails(['list', '--from', address], { status: 2, says }, { env }),
    assertFails(['backup', docs, '--to', address, '--to', disk], { status: 3, says }, { env }),
  ]);
  assert.equal((await listPoints(disk)).size, 1);
});

for (const off of ['+1h', '-1h'])
  test(`a clock that is ${off} off is told, and the backup goes through nevertheless`, async (t) => {
    const address = `s3://${bucket}/clock${off.slice(0, 1) === '+' ? 'ahead' : 'behind'}`;
    const result = await withClockOff(off, ['backup', docs, '--to', address], { env: environment() });
    assert.equal(result.status, 0, result.stderr);
    assert.match(
      result.stderr,
      new RegExp(`clock is too far from the store's: it is \\d+ s ${off === '+1h' ? 'ahead' : 'behind'}`),
    );
    const target = join(await scratchFolder(t), 'restored');
    await holdfast(['restore', 'latest', '--from', address, '--target', target], { env: environment() });
    assert.deepEqual(await filesIn(target), ['letter.txt', 'noise']);
  });

test('a full disk is named, leaves nothing there, and the other vault of the run is kept', async (t) => {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'small'));
  const to = ['--to', join(folder, 'small'), '--to', join(folder, 'large')];
  const result = await withMounts(smallDisk(join(folder, 'small'), 1024), ['backup', docs, ...to], { cwd: folder });
  assertFailed(result, { status: 3, says: [/small\/.*: the disk is full/, /Free some space/] });
  assert.equal((await listPoints(join(folder, 'large'))).size, 1);
  const alone = await withMounts(
    smallDisk(join(folder, 'small'), 1024),
    ['backup', docs, '--to', join(folder, 'small')],
    {},
  );
  assertFailed(alone, { status: 2, says: [/the disk is full/] });
});

test('a vault on a read-only disk is named, whether its folder is there or not', async (t) => {
  const folder = await scratchFolder(t);
  for (const vault of [folder, join(folder, 'new'), join(folder, 'new/er')]) {
    const result = await withMounts(readOnly(folder), ['backup', docs, '--to', vault], {});
    assertFailed(result, { status: 2, says: [/the file system is read-only/, /Mount it writable/] });
  }
  assert.deepEqual(await filesIn(folder), []);
});

test('a restore onto a full or a read-only disk is named, and leaves nothing', async (t) => {
  const folder = await scratchFolder(t);
  const [vault, target] = [join(folder, 'vault'), join(folder, 'target')];
  await holdfast(['backup', docs, '--to', vault]);
  await mkdir(target);
  await writeFile(join(target, 'mine'), 'mine');
  const args = ['restore', 'latest', '--from', vault, '--target', target];
  const full = await withMounts(smallDisk(target, 1024), args, {});
  assertFailed(full, { status: 2, says: [/There is no room left/, /Free space there or choose another target/] });
  const sealed = await withMounts(readOnly(target), args, {});
  assertFailed(sealed, { status: 2, says: [/Nothing can be written to/, /read-only/, /mount it writable/] });
  assert.deepEqual(await filesIn(target), ['mine']);
});

test('a restore over files that are there stops before anything is touched', async (t) => {
  const folder = await scratchFolder(t);
  const [vault, target] = [join(folder, 'vault'), join(folder, 'target')];
  await holdfast(['backup', docs, '--to', vault]);
  await mkdir(target);
  await writeFile(join(target, 'letter.txt'), 'mine');
  const args = ['restore', 'latest', '--from', vault, '--target', target];
  await assertFails(args, { status: 2, says: [/letter\.txt/, /--overwrite/] });
  assert.deepEqual(await filesIn(target), ['letter.txt']);
});

test('a folder that is not there is no empty vault: list and verify say so', async (t) => {
  const folder = await scratchFolder(t);
  const says = [/there is no directory .*\/typo/, /mount the disk/];
  for (const command of ['list', 'verify'])
    await assertFails([command, '--from', join(folder, 'typo')], { status: 1, says });
});

test('a source that is not there is named, and no vault is made for it', async (t) => {
  const folder = await scratchFolder(t);
  const args = ['backup', join(folder, 'typo'), '--to', join(folder, 'vault')];
  await assertFails(args, { status: 2, says: [/There is no directory .*\/typo/, /Correct the path/] });
  assert.deepEqual(await filesIn(folder), []);
});

test('an id that is not there, or fits several, is answered with the ones that are', async (t) => {
  const vault = await scratchFolder(t);
  await assertFails(['show', 'latest', '--from', vault], { status: 1, says: [/no restore point/i] });
  for (let runs = 0; runs < 17; runs += 1) await holdfast(['backup', join(docs, 'letter.txt'), '--to', vault]);
  await assertFails(['show', 'zzzz', '--from', vault], { status: 1, says: [/no restore point "zzzz"/i, /newest are/] });
  const { stdout } = await holdfast(['list', '--from', vault, '--json']);
  const ids = (JSON.parse(stdout) as { restorePoints: { id: string }[] }).restorePoints.map(({ id }) => id[0] ?? '');
  const twice = ids.find((letter, index) => ids.indexOf(letter) !== index) ?? '';
  await assertFails(['show', twice, '--from', vault], {
    status: 1,
    says: [/several|fits|ambiguous|\d+ restore points/i],
  });
});
