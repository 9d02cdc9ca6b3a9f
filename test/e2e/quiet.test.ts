/** With --quiet what was done as it should be is not told, as restic does not tell it; what is wrong is, and what was asked for. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyRepository } from './empty-repository.ts';
import { runHoldfast } from './holdfast.ts';
import { restic } from './restic.ts';
import { filesIn, holdfast } from './scratch.ts';

test('a command of a script that ends well says nothing with --quiet', async (t) => {
  const { folder, options } = await emptyRepository(t);
  await writeFile(join(folder, 'password'), 'another-password');
  const env = { ...options.env, RESTIC_FROM_PASSWORD: 'a-password-of-tests' };
  const copy = { cwd: folder, env: { ...env, RESTIC_REPOSITORY: 'copy' } };
  const commands = [
    [['backup', 'tree'], options],
    [['tag', '--add', 'x'], options],
    [['init'], copy],
    [['copy', '--from-repo', 'repo'], copy],
    [['copy', '--from-repo', 'repo'], copy],
    [['key', 'add', '--new-password-file', 'password'], options],
    [['backup', 'tree'], options],
    [['rewrite', '--exclude', 'b.tmp'], options],
    [['forget', 'latest'], options],
    [['forget', '--keep-last', '1', '--prune'], options],
    [['rebuild-index'], options],
    [['recover'], options],
    [['prune'], options],
    [['check', '--read-data'], options],
    [['verify', 'latest'], options],
    [['unlock'], options],
    [['restore', 'latest', '--target', 'out'], options],
  ] as const;
  for (const [args, how] of commands) {
    const { stdout, stderr } = await holdfast([...args, '--quiet'], how);
    assert.equal(stdout + stderr, '', args.join(' '));
  }
});

test('what is asked for comes with --quiet, and what is wrong', async (t) => {
  const { folder, options } = await emptyRepository(t);
  await holdfast(['backup', 'tree'], options);
  const asked = [['snapshots'], ['ls', 'latest'], ['stats'], ['key', 'list'], ['list', 'packs'], ['find', 'a.txt']];
  for (const args of [...asked, ['forget', 'latest', '--dry-run'], ['rewrite', '--exclude', 'a.txt', '--dry-run']])
    assert.notEqual((await holdfast(['-q', ...args], options)).stdout, '', args.join(' '));
  const [pack = ''] = restic(['list', 'packs'], options).trim().split('\n');
  const file = (await filesIn(join(folder, 'repo'))).find((name) => name.endsWith(pack)) ?? '';
  await writeFile(join(folder, 'repo', file), 'damaged');
  const { status, stdout } = await runHoldfast(['check', '-q'], options);
  assert.equal(status, 2);
  assert.match(stdout, new RegExp(pack));
  assert.match(stdout, /errors were found/);
});
