import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MiB } from '../../src/base/bytes.ts';
import { lookAtFolder, untilWriting } from '../faults/leftovers.ts';
import { program, startHoldfast, type HoldfastResult } from './holdfast.ts';
import { assertForUsers, filesIn, holdfast, listPoints, scratchFolder } from './scratch.ts';

/** Runs it as a user whom permission bits stop; root has to give up the right to pass over them. */
function runWithoutPrivileges(args: readonly string[]): Promise<HoldfastResult> {
  const dropRights = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--inh-caps', '-all'];
  const command = [...(process.getuid?.() === 0 ? dropRights : []), process.execPath, program, ...args];
  return new Promise((resolve) =>
    execFile(command[0] ?? '', command.slice(1), (error, stdout, stderr) =>
      resolve({ status: error ? (error.code as number) : 0, stdout, stderr }),
    ),
  );
}

test('what may not be read is named by the run and by show, the status is 3, and the rest comes back', async (t) => {
  const folder = await scratchFolder(t);
  const [tree, vault, target] = [join(folder, 'tree'), join(folder, 'vault'), join(folder, 'restored')];
  await mkdir(join(tree, 'closed'), { recursive: true });
  await writeFile(join(tree, 'letter'), 'Dear reader\n');
  await writeFile(join(tree, 'secret'), 'not for you');
  await writeFile(join(tree, 'closed/inside'), 'unseen');
  await chmod(join(tree, 'secret'), 0o000);
  await chmod(join(tree, 'closed'), 0o000);

  const result = await runWithoutPrivileges(['backup', tree, '--to', vault]);
  await chmod(join(tree, 'closed'), 0o700); // so that it can be removed without root
  assert.equal(result.status, 3, result.stderr);
  assert.match(result.stderr, /unreadable: secret: /);
  assert.match(result.stderr, /unreadable: closed: /);
  assert.match(result.stdout, /^PARTIAL/m);
  assertForUsers(result);

  assert.equal((await listPoints(vault)).get('tree')?.status, 'partial');
  const { stdout } = await holdfast(['show', 'latest', '--from', vault]);
  assert.match(stdout, /unreadable: secret: /);
  const shown = JSON.parse((await holdfast(['show', 'latest', '--from', vault, '--json'])).stdout) as {
    problems: { path: string; kind: string }[];
  };
  assert.deepEqual(
    shown.problems.map(({ path, kind }) => `${kind} ${path}`),
    ['unreadable closed', 'unreadable secret'],
  );
  await holdfast(['verify', '--read-data', '--from', vault]);
  await holdfast(['restore', 'latest', '--from', vault, '--target', target]);
  assert.deepEqual(await filesIn(target), ['letter']);
});

test('what vanishes while it is backed up is named, the status is 3, and the rest comes back', async (t) => {
  const folder = await scratchFolder(t);
  const [tree, vault, target] = [join(folder, 'tree'), join(folder, 'vault'), join(folder, 'restored')];
  await mkdir(tree);
  // More than the run holds in memory comes first, sent slowly, so that it can't have come to the last file.
  await writeFile(join(tree, 'a-large'), randomFillSync(Buffer.alloc(64 * MiB)));
  for (const name of ['x-stays', 'y-vanishes']) await writeFile(join(tree, name), Buffer.alloc(MiB, 'z'));
  const args = ['backup', tree, '--to', vault, '--compression', 'none', '--limit-upload', '12000'];
  const running = startHoldfast(args);
  await untilWriting(running, lookAtFolder(vault));
  running.kill('SIGSTOP');
  await rm(join(tree, 'y-vanishes'));
  running.kill('SIGCONT');
  const result = await running.ended;
  assert.equal(result.status, 3, result.stderr);
  assert.match(result.stderr, /vanished: y-vanishes: /);
  assert.match((await holdfast(['show', 'latest', '--from', vault])).stdout, /vanished: y-vanishes: /);
  await holdfast(['restore', 'latest', '--from', vault, '--target', target]);
  assert.deepEqual(await filesIn(target), ['a-large', 'x-stays']);
});
