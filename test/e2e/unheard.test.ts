/** What becomes of a command whose output finds no reader, or no room. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { program } from './holdfast.ts';
import { listPoints, scratchFolder } from './scratch.ts';

let folder: string;
const cleanups: (() => Promise<void>)[] = [];

before(async () => {
  folder = await scratchFolder({ after: (clean) => void cleanups.push(clean) });
  await mkdir(join(folder, 'tree'));
  for (let number = 0; number < 200; number += 1) await writeFile(join(folder, 'tree', `file-${number}`), 'text\n');
  const job = (name: string) => ({
    sources: [{ type: 'directory', path: join(folder, 'tree') }],
    vaults: [name],
    log: { style: 'text', level: 'debug' },
  });
  for (const name of ['read', 'full', 'shown']) {
    const stores = { [name]: { type: 'local', path: join(folder, name) } };
    const vaults = { [name]: { type: 'archive', store: name } };
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ stores, vaults, jobs: { [name]: job(name) } }));
  }
});

test.after(() => Promise.all(cleanups.map((clean) => clean())));

/** Runs a line of bash in which "$@" stands for the command; says how that ended. */
function piped(line: string, ...args: readonly string[]) {
  const words = ['-c', `${line}; exit \${PIPESTATUS[0]}`, 'bash', process.execPath, program, ...args];
  const { status, stdout, stderr } = spawnSync('bash', words, { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

test('a backup whose log is read no further is made all the same', async () => {
  const { status, stdout } = piped('"$@" | head -n 1', 'backup', '--config', 'read.json');
  assert.match(stdout, /^\S+ INFO Starting backup: [^\n]*\n$/);
  assert.equal(status, 0);
  assert.deepEqual([...(await listPoints(join(folder, 'read'))).keys()], ['tree']);
});

test('a backup whose log fills a disk is made all the same, and says so', async () => {
  const { status, stderr } = piped('"$@" > /dev/full', 'backup', '--config', 'full.json');
  assert.match(stderr, /^holdfast: the output can't be written: ENOSPC[^\n]*\n$/);
  assert.equal(status, 0);
  const nobody = piped('"$@" > /dev/full 2>&1', 'backup', '--config', 'full.json');
  assert.equal(nobody.status, 0);
  assert.deepEqual([...(await listPoints(join(folder, 'full'))).keys()], ['tree']);
});

test('what only shows something ends well when its reader has enough, and badly when there is no room', () => {
  assert.equal(piped('"$@"', 'backup', '--config', 'shown.json').status, 0);
  const shown = piped('"$@" | head -n 2', 'ls', 'latest', '--config', 'shown.json');
  assert.deepEqual([shown.status, shown.stdout.split('\n').length, shown.stderr], [0, 3, '']);
  const dumped = piped('"$@" | true', 'dump', 'latest', 'file-1', '--config', 'shown.json');
  assert.deepEqual([dumped.status, dumped.stderr], [0, '']);
  const lost = piped('"$@" > /dev/full', 'list', '--json', '--config', 'shown.json');
  assert.equal(lost.status, 2);
  assert.match(lost.stderr, /^holdfast: the output can't be written: ENOSPC/);
});
