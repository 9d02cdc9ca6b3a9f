/** The mirror of document A where one of its directories is not there: a disk that is not mounted, or broken. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { makePortal, oneShot, told, uploadsOf, type Portal } from './portal.ts';
import { assertForUsers, holdfast } from './scratch.ts';

let s3: S3Server;
before(async () => void (s3 = await sharedS3Server()));
after(() => s3.stop());

async function manifestOf({ folder }: Portal): Promise<Record<string, unknown>> {
  const text = await readFile(join(folder, '.backup_manifest.json'), 'utf8');
  return (JSON.parse(text) as { entries: Record<string, unknown> }).entries;
}

test('a missing directory is named, the others are backed up, what the mirror has of it stays, status 3', async (t) => {
  const portal = await makePortal(t, s3);
  await uploadsOf(portal);
  const before = await manifestOf(portal);
  await rename(portal.logs, `${portal.logs}-unmounted`);
  await appendFile(join(portal.data, 'example.txt'), 'more\n');
  const run = await portal.backup(oneShot);
  assert.equal(run.status, 3, run.stdout);
  assert.deepEqual(told(run, 'file_uploaded'), [join(portal.data, 'example.txt').slice(1)]);
  assert.deepEqual(told(run, 'file_upload_failed'), [portal.logs.slice(1)]);
  assert.match(told(run, 'file_upload_failed', 'error').join(), /no directory .*\/logs/);
  const last = run.events.at(-1);
  assert.deepEqual([last?.event, last?.status, last?.['failed']], ['backup_completed', 'partial', 1]);
  const log = join(portal.logs, 'portal.log').slice(1);
  assert.deepEqual((await manifestOf(portal))[log], before[log]);
  const options = { env: portal.env, cwd: portal.folder };
  const target = join(portal.folder, 'restored');
  await holdfast(['restore', 'latest', '--config', 'backup_config.yaml', '--target', target], options);
  assert.equal(await readFile(join(target, log), 'utf8'), 'started\n');
  await rename(`${portal.logs}-unmounted`, portal.logs);
  assert.deepEqual(await uploadsOf(portal), []);

  for (const folder of [portal.data, portal.logs]) await rename(folder, `${folder}-unmounted`);
  const none = await portal.backup(oneShot);
  assert.equal(none.status, 2, none.stdout);
  assert.equal(none.events.at(-1)?.status, 'failed');
  assertForUsers(none);
});

test('a directory that is empty all of a sudden, as an unmounted disk leaves it, is named, and stays as the mirror has it', async (t) => {
  const portal = await makePortal(t, s3);
  await uploadsOf(portal);
  const before = await manifestOf(portal);
  await rename(portal.logs, `${portal.logs}-unmounted`);
  await mkdir(portal.logs);
  const run = await portal.backup(oneShot);
  assert.equal(run.status, 3, run.stdout);
  assert.match(
    told(run, 'file_upload_failed', 'error').join(),
    /logs is empty, and was not when it was last backed up/,
  );
  const log = join(portal.logs, 'portal.log').slice(1);
  assert.deepEqual((await manifestOf(portal))[log], before[log]);
  await rm(portal.logs, { recursive: true });
  await rename(`${portal.logs}-unmounted`, portal.logs);
  assert.deepEqual(await uploadsOf(portal), []);

  await rm(join(portal.logs, 'portal.log'));
  await uploadsOf(portal, [...oneShot, '--no-incremental']);
  assert.equal((await manifestOf(portal))[log], undefined);
  assert.deepEqual(await uploadsOf(portal), []);
});

test('a directory that is missing, or empty all of a sudden, has nothing deleted, also where the mirror deletes', async (t) => {
  const portal = await makePortal(t, s3);
  const options = { env: portal.env, cwd: portal.folder };
  const { stdout } = await holdfast(['config', 'convert', '--config', 'backup_config.yaml'], options);
  const deleting = stdout.replace(/^( *)(type: mirror)$/m, '$1$2\n$1delete: true');
  assert.notEqual(deleting, stdout);
  await writeFile(join(portal.folder, 'holdfast.yaml'), deleting);
  const native = ['--config', 'holdfast.yaml', '--once'];
  await uploadsOf(portal, native);
  const whole = (await portal.keys()).toSorted();
  await rename(portal.logs, `${portal.logs}-unmounted`);
  for (const isThere of [false, true]) {
    if (isThere) await mkdir(portal.logs);
    for (let runs = 0; runs < 2; runs += 1) {
      const run = await portal.backup(native);
      assert.equal(run.status, 3, run.stdout);
      assert.equal(told(run, 'file_upload_failed').length, 1);
      assert.match(told(run, 'file_upload_failed').join(), /\/logs$/);
      assert.deepEqual((await portal.keys()).toSorted(), whole);
    }
  }
  await rm(join(portal.data, 'example.txt'));
  const whoever = await portal.backup([...native, '--job', 'backup']);
  assert.equal(whoever.status, 3, whoever.stdout);
  assert.deepEqual((await portal.keys()).toSorted(), whole);
  await rm(portal.logs, { recursive: true });
  await rename(`${portal.logs}-unmounted`, portal.logs);
  assert.deepEqual(await uploadsOf(portal, native), []);
  await rm(join(portal.data, 'reports/2026.txt'));
  assert.deepEqual(await uploadsOf(portal, native), []);
  assert.ok(!(await portal.keys()).includes(portal.keyOf(join(portal.data, 'reports/2026.txt'))));
});
