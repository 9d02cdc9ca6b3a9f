/** The example of docs/library.md runs as it stands where the package is installed, and restic reads what it leaves. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundlePackage } from '../fixtures/bundled-package.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { restic, resticSnapshots } from '../e2e/restic.ts';

const root = join(import.meta.dirname, '../..');

test('the example of the library backs a folder up, lists it and restores it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'hf-library-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'tree/deep'), { recursive: true });
  await writeFile(join(folder, 'tree/deep/a.txt'), 'content');
  const page = await readFile(join(root, 'docs/library.md'), 'utf8');
  const [, example = ''] = /```js\n([^]*?)```/.exec(page) ?? assert.fail('there is an example');
  bundlePackage(join(folder, 'node_modules/holdfast'));
  await writeFile(join(folder, 'example.mjs'), example);
  const env = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'a-password-of-tests' };
  const words = [join(folder, 'example.mjs'), env.RESTIC_REPOSITORY, join(folder, 'tree'), join(folder, 'out')];
  const said = execFileSync(process.execPath, words, {
    env: { ...process.env, HOLDFAST_PASSWORD: env.RESTIC_PASSWORD },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  assert.match(said, /^[0-9a-f]{64} ok: 1 files, \d+ bytes stored\n\/\n\/deep\n\/deep\/a\.txt\n$/);
  assert.deepEqual(await compareTrees(join(folder, 'tree'), join(folder, 'out')), []);
  restic(['check', '--read-data'], { cwd: folder, env });
  assert.deepEqual(resticSnapshots({ cwd: folder, env })[0]?.tags, ['nightly']);
});
