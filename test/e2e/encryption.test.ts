import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { assertFailed, filesIn, holdfast, listPoints, scratchFolder } from './scratch.ts';
import { runHoldfast } from './holdfast.ts';

let folder: string;
let tree: string;
const cleanups: (() => unknown)[] = [];

interface Keys {
  readonly write: readonly string[];
  readonly read: readonly string[];
  /** Keys of the same kind that don't fit. */
  readonly wrong: readonly string[];
}

const kinds = ['age recipients', 'an age passphrase', 'an openssl passphrase'] as const;
const keys = new Map<(typeof kinds)[number] | 'no encryption', Keys>();

function newIdentity(name: string): { readonly file: string; readonly recipient: string } {
  const file = join(folder, name);
  execFileSync('age-keygen', ['-o', file], { stdio: 'ignore' });
  return { file, recipient: execFileSync('age-keygen', ['-y', file], { encoding: 'utf8' }).trim() };
}

before(async () => {
  folder = await scratchFolder({ after: (clean) => cleanups.push(clean) });
  tree = join(folder, 'tree');
  await mkdir(join(tree, 'letters'), { recursive: true });
  await writeFile(join(tree, 'letters/first.txt'), 'Dear reader\n');
  await writeFile(join(tree, 'noise'), randomFillSync(Buffer.alloc(700_001)));
  await writeFile(join(folder, 'right'), 'correct horse battery staple\n');
  await writeFile(join(folder, 'wrong'), 'incorrect horse\n');
  const [mine, spare, other] = ['mine', 'spare', 'other'].map(newIdentity);
  assert.ok(mine && spare && other);
  keys.set('age recipients', {
    write: ['--encryption', 'age', '--recipient', mine.recipient, '--recipient', spare.recipient],
    read: ['--identity-file', spare.file],
    wrong: ['--identity-file', other.file],
  });
  const right = ['--passphrase-file', join(folder, 'right')];
  const wrong = ['--passphrase-file', join(folder, 'wrong')];
  keys.set('an age passphrase', { write: ['--encryption', 'age', ...right], read: right, wrong });
  const openssl = ['--encryption', 'openssl'];
  keys.set('an openssl passphrase', { write: [...openssl, ...right], read: right, wrong });
  keys.set('no encryption', { write: [], read: [], wrong: [] });
});

after(async () => {
  for (const clean of cleanups) await clean();
});

function keysFor(kind: (typeof kinds)[number] | 'no encryption'): Keys {
  const found = keys.get(kind);
  assert.ok(found);
  return found;
}

for (const kind of kinds) {
  test(`with ${kind}: equal with the key, and with a wrong one or none status 12 and nothing restored`, async (t) => {
    const { write, read, wrong } = keysFor(kind);
    const scratch = await scratchFolder(t);
    const vault = join(scratch, 'vault');
    await holdfast(['backup', tree, '--to', vault, ...write]);
    assert.equal((await listPoints(vault)).get('tree')?.status, 'ok');
    const stored = await filesIn(vault);
    for (const name of stored)
      assert.ok(!(await readFile(join(vault, name))).includes('Dear reader'), `${name} is plain`);

    const restore = ['restore', 'latest', '--from', vault, '--target', join(scratch, 'restored')];
    assertFailed(await runHoldfast([...restore, ...wrong]), { status: 12, says: [/does not open it/] });
    assertFailed(await runHoldfast(restore), { status: 12, says: [/no key to read it/] });
    assert.deepEqual(await filesIn(join(scratch, 'restored')), []);
    assertFailed(await runHoldfast(['dump', 'latest', 'noise', '--from', vault, ...wrong]), { status: 12, says: [] });

    await holdfast(['verify', '--read-data', '--from', vault, ...read]);
    await holdfast([...restore, ...read]);
    assert.deepEqual(await compareTrees(tree, join(scratch, 'restored')), []);
  });
}

test('who has only the recipients can back up and list, and not read', async (t) => {
  const { write, read } = keysFor('age recipients');
  const vault = join(await scratchFolder(t), 'vault');
  for (const expected of [1, 2]) {
    await holdfast(['backup', tree, '--to', vault, ...write]);
    const { stdout } = await holdfast(['list', '--from', vault, '--json']);
    assert.equal((JSON.parse(stdout) as { restorePoints: unknown[] }).restorePoints.length, expected);
  }
  assertFailed(await runHoldfast(['ls', 'latest', '--from', vault]), { status: 12, says: [/identities/] });
  const { stdout } = await holdfast(['ls', 'latest', '--from', vault, ...read]);
  assert.match(stdout, /letters\/first\.txt/);
});

async function flip(file: string, share: number): Promise<void> {
  const bytes = await readFile(file);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * share));
  bytes[at] = (bytes[at] as number) ^ 0x10;
  await writeFile(file, bytes);
}

/** What becomes of an object in a bad store. */
const damages: Readonly<Record<string, (file: string) => Promise<void>>> = {
  'cut in half': async (file) => truncate(file, Math.floor((await readFile(file)).length / 2)),
  'cut by two bytes': async (file) => truncate(file, (await readFile(file)).length - 2), // a newline and what is before it
  'a byte too long': async (file) => writeFile(file, Buffer.concat([await readFile(file), Buffer.from('x')])),
  empty: (file) => truncate(file, 0),
  ...Object.fromEntries([0, 0.3, 1].map((share) => [`flipped at ${share}`, (file: string) => flip(file, share)])),
};

for (const kind of [...kinds, 'no encryption'] as const)
  test(`with ${kind}: a damaged artefact or manifest is told, and nothing gets its final name`, async (t) => {
    const { write, read } = keysFor(kind);
    const scratch = await scratchFolder(t);
    const sound = join(scratch, 'sound');
    await holdfast(['backup', tree, '--to', sound, '--compression', 'zstd:1', ...write]);
    const names = await filesIn(sound);
    assert.equal(names.length, 2);
    const cases = names.flatMap((name) => Object.entries(damages).map(([what, damage]) => ({ name, what, damage })));
    for (const [index, { name, what, damage }] of cases.entries()) {
      const vault = join(scratch, `vault-${index}`);
      await cp(sound, vault, { recursive: true });
      await damage(join(vault, name));
      const about = `${what}: ${name}`;
      const target = join(scratch, `restored-${index}`);
      const [result, verified] = await Promise.all([
        runHoldfast(['restore', 'latest', '--from', vault, '--target', target, ...read]),
        runHoldfast(['verify', '--read-data', '--from', vault, ...read]),
      ]);
      assert.ok(result.status === 2 || result.status === 12, `${about}: ${result.status} ${result.stderr}`);
      if (result.status === 12) assert.match(about, /flipped at 0/, result.stderr); // damage in the key's own place
      assertFailed(result, { status: result.status, says: [/\[vault\//] });
      assert.ok(!existsSync(target), about);
      assert.equal(verified.status, 2, `${about}: ${verified.stdout} ${verified.stderr}`);
    }
    assert.equal((await filesIn(scratch)).filter((name) => name.includes('restore')).length, 0);
    await holdfast(['verify', '--read-data', '--from', sound, ...read]);
  });
