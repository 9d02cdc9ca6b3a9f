/** A service that mirrors directories into a bucket is replaced by Holdfast, with its own configuration and commands. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, chmod, cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GetObjectCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { runHoldfast } from './holdfast.ts';
import { makePortal, oneShot, told, uploadsOf, type LoggedRun, type Portal } from './portal.ts';
import { bucketContent } from './s3-objects.ts';
import { assertForUsers, filesIn, holdfast, scratchFolder } from './scratch.ts';
import { withoutPrivileges } from './wrapped.ts';

let s3: S3Server;
before(async () => void (s3 = await sharedS3Server()));
after(() => s3.stop());

interface ManifestFile {
  readonly mtimeNs: string;
  readonly size: number;
  readonly sha256: string;
  readonly type?: string;
}

async function textOf(bucket: string, key: string): Promise<string> {
  const client = s3.client();
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return (await Body?.transformToString()) ?? '';
  } finally {
    client.destroy();
  }
}

const manifestOf = async ({ folder }: Portal, name = '.backup_manifest.json'): Promise<Record<string, ManifestFile>> =>
  (JSON.parse(await readFile(join(folder, name), 'utf8')) as { entries: Record<string, ManifestFile> }).entries;

const filesOf = ({ data, logs }: Portal): string[] => [
  join(data, 'example.txt'),
  join(data, 'reports/2026.txt'),
  join(logs, 'portal.log'),
];

const restoredTree = async (target: string, { data, logs }: Portal): Promise<void> => {
  for (const folder of [data, logs]) assert.deepEqual(await compareTrees(folder, join(target, folder)), []);
};

describe('the one-shot run of the document', { concurrency: true }, () => {
  test('leaves each file under the prefix and its absolute path, a manifest, JSON lines, and status 0', async (t) => {
    const portal = await makePortal(t, s3);
    const run = await portal.backup(oneShot);
    assert.equal(run.status, 0, run.stderr);
    const files = filesOf(portal);
    const keys = [...files.map((file) => portal.keyOf(file)), 'backups/.backup_manifest.json'];
    assert.deepEqual((await portal.keys()).toSorted(), keys.toSorted());
    for (const file of files)
      assert.equal(await textOf(portal.bucket, portal.keyOf(file)), await readFile(file, 'utf8'));

    assert.deepEqual(told(run, 'file_uploaded'), files.map((file) => file.slice(1)).sort());
    assert.deepEqual(told(run, 'backup_completed', 'status'), ['ok']);
    assert.equal(run.events.at(-1)?.event, 'backup_completed');
    for (const { timestamp, level } of run.events) {
      assert.equal(new Date(String(timestamp)).toISOString(), timestamp);
      assert.equal(level, 'info');
    }

    assert.equal(
      await textOf(portal.bucket, 'backups/.backup_manifest.json'),
      await readFile(join(portal.folder, '.backup_manifest.json'), 'utf8'),
    );
    const manifest = await manifestOf(portal);
    for (const file of files) {
      const { mtimeNs, size } = await stat(file, { bigint: true });
      const sha256 = createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
      const { [file.slice(1)]: entry } = manifest;
      assert.ok(entry);
      const { mtimeNs: mtime, size: sizeBytes, sha256: digest } = entry;
      assert.deepEqual([mtime, sizeBytes, digest], [String(mtimeNs), Number(size), sha256]);
    }
  });

  test('uploads nothing the second time, then the changed file alone, then a new one', async (t) => {
    const portal = await makePortal(t, s3);
    assert.equal((await uploadsOf(portal)).length, 3);
    assert.deepEqual(await uploadsOf(portal), []);
    const example = join(portal.data, 'example.txt');
    await appendFile(example, 'more\n');
    assert.deepEqual(await uploadsOf(portal), [example]);
    assert.equal(await textOf(portal.bucket, portal.keyOf(example)), 'hello\nmore\n');
    await writeFile(join(portal.logs, 'new.log'), 'new\n');
    assert.deepEqual(await uploadsOf(portal), [join(portal.logs, 'new.log')]);
    assert.deepEqual(await uploadsOf(portal), []);
  });

  test('stays incremental in a container whose disk is empty, or keeps what is no manifest any more', async (t) => {
    const portal = await makePortal(t, s3);
    const manifest = join(portal.folder, '.backup_manifest.json');
    await uploadsOf(portal);
    await rm(manifest);
    assert.deepEqual(await uploadsOf(portal), []);
    await writeFile(manifest, '{"cut');
    assert.deepEqual(await uploadsOf(portal), []);
    await appendFile(join(portal.data, 'example.txt'), 'more\n');
    const elsewhere = await scratchFolder(t);
    await cp(join(portal.folder, 'backup_config.yaml'), join(elsewhere, 'backup_config.yaml'));
    assert.deepEqual(await uploadsOf(portal, oneShot, { cwd: elsewhere }), [join(portal.data, 'example.txt')]);
    // The first container's copy is old now; what counts is the bucket's.
    assert.deepEqual(await uploadsOf(portal), []);
    assert.deepEqual((await filesIn(elsewhere)).toSorted(), ['.backup_manifest.json', 'backup_config.yaml']);
  });

  test('deletes nothing in the bucket when a file is gone; the manifest knows it no more', async (t) => {
    const portal = await makePortal(t, s3);
    await uploadsOf(portal);
    const gone = join(portal.data, 'reports/2026.txt');
    await rm(gone);
    assert.deepEqual(await uploadsOf(portal), []);
    assert.ok((await portal.keys()).includes(portal.keyOf(gone)));
    assert.equal((await manifestOf(portal))[gone.slice(1)], undefined);
  });

  test('can be listed, verified and restored with the same configuration, equal to the folders', async (t) => {
    const portal = await makePortal(t, s3);
    const config = ['--config', 'backup_config.yaml'];
    const options = { env: portal.env, cwd: portal.folder };
    await uploadsOf(portal);
    await writeFile(join(portal.data, 'reports/2027.txt'), 'next\n');
    await chmod(join(portal.data, 'reports/2027.txt'), 0o600);
    await uploadsOf(portal);
    const { restorePoints } = JSON.parse((await holdfast(['list', ...config, '--json'], options)).stdout) as {
      restorePoints: { status: string; format: string; files: number; paths: string[] }[];
    };
    assert.deepEqual(
      restorePoints.map(({ status, format, files, paths }) => ({ status, format, files, paths })),
      [{ status: 'ok', format: 'mirror', files: 4, paths: [portal.data, portal.logs] }],
    );
    await holdfast(['verify', '--read-data', ...config], options);
    const target = join(portal.folder, 'restored');
    await holdfast(['restore', 'latest', ...config, '--target', target], options);
    await restoredTree(target, portal);
  });
});

describe('what says how to run:', { concurrency: true }, () => {
  test('--bucket, --prefix and --dirs win over the file, and the other bucket gets all that belongs into it', async (t) => {
    const portal = await makePortal(t, s3);
    await uploadsOf(portal);
    const other = await s3.createBucket();
    const adhoc = [...oneShot, '--bucket', other, '--prefix', 'adhoc/'];
    assert.equal((await uploadsOf(portal, adhoc)).length, 3);
    const { keys } = await bucketContent(s3, other);
    const expected = [...filesOf(portal).map((file) => portal.keyOf(file, 'adhoc/')), 'adhoc/.backup_manifest.json'];
    assert.deepEqual(keys.toSorted(), expected.toSorted());
    const dirs = [...oneShot, '--prefix', 'dirs/', '--dirs', `${portal.logs},${join(portal.data, 'reports')}`];
    assert.deepEqual(await uploadsOf(portal, dirs), [
      join(portal.data, 'reports/2026.txt'),
      join(portal.logs, 'portal.log'),
    ]);
    assert.deepEqual(await uploadsOf(portal), []);
  });

  test('the task definition’s command without any file', async (t) => {
    const portal = await makePortal(t, s3);
    await rm(join(portal.folder, 'backup_config.yaml'));
    const dirs = `${portal.data},${portal.logs}`;
    const args = ['--bucket', portal.bucket, '--dirs', dirs, '--prefix', 'backups/', '--once'];
    assert.deepEqual(await uploadsOf(portal, args), filesOf(portal));
    assert.deepEqual(await uploadsOf(portal, args), []);
    assert.ok((await portal.keys()).includes(portal.keyOf(join(portal.data, 'example.txt'))));
  });

  test('BACKUP_CONFIG_PATH names the file, --config another, BACKUP_MANIFEST the manifest', async (t) => {
    const portal = await makePortal(t, s3);
    const other = await makePortal(t, s3);
    const env = {
      BACKUP_CONFIG_PATH: join(other.folder, 'backup_config.yaml'),
      BACKUP_MANIFEST: join(portal.folder, 'state/portal.json'),
    };
    assert.deepEqual(await uploadsOf(portal, ['--once'], { env }), filesOf(other));
    assert.ok((await other.keys()).includes('backups/portal.json'));
    assert.equal(Object.values(await manifestOf(portal, 'state/portal.json')).filter(({ sha256 }) => sha256).length, 3);
    assert.deepEqual(await uploadsOf(portal, ['--once'], { env }), []);
    assert.deepEqual(await portal.keys(), []);
    assert.deepEqual(await uploadsOf(portal, oneShot, { env }), filesOf(portal));
  });

  test('variables that are set and empty, as a compose file passes them on, say nothing', async (t) => {
    const portal = await makePortal(t, s3);
    const names = [
      'HOLDFAST_CONFIG',
      'BACKUP_CONFIG_PATH',
      'BACKUP_MANIFEST',
      'LOG_LEVEL',
      'HOLDFAST_LOG_LEVEL',
      'API_KEYS',
    ];
    const env = Object.fromEntries(names.map((name) => [name, '']));
    assert.deepEqual(await uploadsOf(portal, ['--once'], { env }), filesOf(portal));
    assert.deepEqual(await uploadsOf(portal), []);
  });

  test('API_KEYS brings the keys of the bucket, and none of them is said', async (t) => {
    const portal = await makePortal(t, s3);
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = portal.env;
    const env = {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      API_KEYS: JSON.stringify({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, OTHER: 'a secret of another program' }),
      LOG_LEVEL: 'DEBUG',
    };
    const run = await portal.backup(oneShot, { env });
    assert.equal(run.status, 0, run.stdout);
    assert.equal(told(run, 'file_uploaded').length, 3);
    for (const secret of [AWS_SECRET_ACCESS_KEY ?? '', 'a secret of another program'])
      assert.ok(!(run.stdout + run.stderr).includes(secret));
  });

  test('the role of an ECS task brings the keys of the bucket, as the task’s own address gives them', async (t) => {
    const portal = await makePortal(t, s3);
    const { AWS_ACCESS_KEY_ID: AccessKeyId, AWS_SECRET_ACCESS_KEY: SecretAccessKey } = portal.env;
    let asked = 0;
    const task = createServer((_request, response) => {
      asked += 1;
      const Expiration = new Date(Date.now() + 3_600_000).toISOString();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ AccessKeyId, SecretAccessKey, Token: '', Expiration }));
    });
    await new Promise<void>((resolve) => task.listen(0, '127.0.0.1', resolve));
    t.after(() => task.close());
    const address = `http://127.0.0.1:${(task.address() as AddressInfo).port}/v2/credentials/role`;
    const role = { AWS_CONTAINER_CREDENTIALS_FULL_URI: address };
    const env = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, ...role };
    assert.deepEqual(await uploadsOf(portal, oneShot, { env }), filesOf(portal));
    assert.ok(asked > 0);
  });

  test('LOG_LEVEL leaves out what is less severe', async (t) => {
    const portal = await makePortal(t, s3);
    const quiet = await portal.backup(oneShot, { env: { LOG_LEVEL: 'ERROR' } });
    assert.deepEqual([quiet.status, quiet.events], [0, []]);
    const bad = await portal.backup([...oneShot, '--bucket', 'no-such-bucket'], { env: { LOG_LEVEL: 'ERROR' } });
    assert.deepEqual([told(bad, 'file_upload_failed').length, told(bad, 'backup_completed').length], [1, 1]);
    const wrong = await portal.backup(oneShot, { env: { LOG_LEVEL: 'CHATTY' } });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /LOG_LEVEL.*CHATTY/s);
  });

  test('config convert makes a holdfast.yaml that goes on with the same mirror', async (t) => {
    const portal = await makePortal(t, s3);
    await uploadsOf(portal);
    const { stdout } = await holdfast(['config', 'convert', '--config', 'backup_config.yaml'], {
      env: portal.env,
      cwd: portal.folder,
    });
    await writeFile(join(portal.folder, 'holdfast.yaml'), stdout);
    const native = ['--config', 'holdfast.yaml', '--once'];
    assert.deepEqual(await uploadsOf(portal, native), []);
    await appendFile(join(portal.logs, 'portal.log'), 'more\n');
    assert.deepEqual(await uploadsOf(portal, native), [join(portal.logs, 'portal.log')]);
    assert.deepEqual(await uploadsOf(portal), []);
  });

  test('--no-incremental uploads every file again', async (t) => {
    const portal = await makePortal(t, s3);
    await uploadsOf(portal);
    assert.deepEqual(await uploadsOf(portal, [...oneShot, '--no-incremental']), filesOf(portal));
    assert.deepEqual(await uploadsOf(portal), []);
  });
});

test('--archive makes one tar.gz with all directories, named by its time, which tar opens and restore brings back', async (t) => {
  const portal = await makePortal(t, s3);
  const run = await portal.backup([...oneShot, '--archive']);
  assert.equal(run.status, 0, run.stderr);
  const [archive = '', ...others] = (await portal.keys()).filter((key) => !key.endsWith('.manifest.json'));
  assert.deepEqual(others, []);
  assert.match(archive, /^backups\/backup_20\d{6}_\d{6}\.tar\.gz$/);
  assert.deepEqual(told(run, 'backup_archive_uploaded', 'key'), [`s3://${portal.bucket}/${archive}`]);
  assert.equal(run.events.at(-1)?.event, 'backup_completed');

  const client = s3.client();
  t.after(() => client.destroy());
  const { Body } = await client.send(new GetObjectCommand({ Bucket: portal.bucket, Key: archive }));
  const byTar = join(portal.folder, 'by-tar');
  await mkdir(byTar);
  await writeFile(join(portal.folder, 'a.tar.gz'), (await Body?.transformToByteArray()) ?? '');
  execFileSync('tar', ['-xzpf', join(portal.folder, 'a.tar.gz'), '-C', byTar]);
  await restoredTree(byTar, portal);

  const target = join(portal.folder, 'restored');
  const from = ['--from', `s3://${portal.bucket}/backups`];
  await holdfast(['restore', 'latest', ...from, '--target', target], portal);
  await restoredTree(target, portal);
});

describe('a run that can not do all', { concurrency: true }, () => {
  test('because the bucket is none says file_upload_failed, then backup_completed, and fails', async (t) => {
    const portal = await makePortal(t, s3);
    const file = join(portal.folder, 'backup_config.yaml');
    const text = await readFile(file, 'utf8');
    for (const bucket of ['no-such-bucket', 'Not_A_Bucket!']) {
      await writeFile(file, text.replace(portal.bucket, bucket));
      for (const more of [[], ['--archive']]) {
        const run: LoggedRun = await portal.backup([...oneShot, ...more]);
        assert.equal(run.status, 2, run.stdout);
        assert.ok(told(run, 'file_upload_failed').length > 0);
        assert.match(told(run, 'file_upload_failed', 'error').join(), new RegExp(bucket));
        assert.deepEqual([run.events.at(-1)?.event, run.events.at(-1)?.status], ['backup_completed', 'failed']);
        assertForUsers(run);
      }
    }
    await writeFile(file, text);
    assert.equal((await uploadsOf(portal)).length, 3);
  });

  test('because the bucket refuses one file uploads the others, names it, ends with 3, and sends it when it may', async (t) => {
    const portal = await makePortal(t, s3);
    const denied = join(portal.data, 'denied.txt');
    await writeFile(denied, 'not for the cloud');
    await policy(portal.bucket, 'Deny', '*denied.txt');
    const run = await portal.backup(oneShot);
    assert.equal(run.status, 3, run.stdout);
    assert.deepEqual(told(run, 'file_upload_failed'), [denied.slice(1)]);
    assert.deepEqual(
      told(run, 'file_uploaded'),
      filesOf(portal).map((file) => file.slice(1)),
    );
    assert.equal(run.events.at(-1)?.status, 'partial');
    assert.equal((await manifestOf(portal))[denied.slice(1)], undefined);
    await policy(portal.bucket, 'Allow', '*denied.txt');
    assert.deepEqual(await uploadsOf(portal), [denied]);
  });

  test('because one file can not be read uploads the others, names it, and ends with 3', async (t) => {
    const portal = await makePortal(t, s3);
    const closed = join(portal.data, 'closed.txt');
    await writeFile(closed, 'closed');
    await chmod(closed, 0);
    const run = await withoutPrivileges(['backup', ...oneShot], { cwd: portal.folder, env: portal.env });
    assert.equal(run.status, 3, run.stdout);
    const lines = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const failed = lines.filter(({ event }) => event === 'file_upload_failed').map(({ path }) => path);
    assert.deepEqual(failed, [closed.slice(1)]);
    assert.equal(lines.filter(({ event }) => event === 'file_uploaded').length, 3);
    assert.equal(lines.at(-1)?.['event'], 'backup_completed');
  });

  test('because the configuration is wrong touches nothing and names the line', async (t) => {
    const portal = await makePortal(t, s3);
    const file = join(portal.folder, 'backup_config.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('interval_seconds: 900', 'interval_seconds: soon'));
    const run = await runHoldfast(['backup', ...oneShot], { cwd: portal.folder, env: portal.env });
    assert.equal(run.status, 1);
    assert.match(run.stderr, /8.*interval_seconds/s);
    assert.deepEqual(await portal.keys(), []);
  });
});

async function policy(bucket: string, effect: 'Allow' | 'Deny', keys: string): Promise<void> {
  const client = s3.client();
  const Resource = `arn:aws:s3:::${bucket}/${keys}`;
  const Statement = [{ Effect: effect, Principal: '*', Action: 's3:PutObject', Resource }];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy })).finally(() => client.destroy());
}
