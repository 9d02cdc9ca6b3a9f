/** holdfast forget by a policy, as a user runs it. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runHoldfast } from '../e2e/holdfast.ts';

const folder = await mkdtemp(join(tmpdir(), 'holdfast-forget-'));
after(() => rm(folder, { recursive: true }));

const source = join(folder, 'docs');
const vault = join(folder, 'vault');
const from = ['--from', vault];

interface Answer {
  readonly dryRun: boolean;
  readonly vaults: readonly {
    readonly deleted: number;
    readonly retained: number;
    readonly findings: readonly { readonly code: string }[];
    readonly targets: readonly { readonly keep: readonly { readonly id: string; readonly reasons: string[] }[] }[];
  }[];
}

async function forgetJson(...args: readonly string[]): Promise<{ status: number | null; answer: Answer }> {
  const { status, stdout } = await runHoldfast(['forget', '--json', ...from, ...args]);
  return { status, answer: JSON.parse(stdout) as Answer };
}

const counts = ({ vaults }: Answer): unknown => vaults.map(({ deleted, retained }) => [deleted, retained]);

test('a policy says what it keeps and why, and deletes the rest with their folders', async () => {
  await mkdir(source);
  await writeFile(join(source, 'file'), 'x'.repeat(10_000));
  const backUp = async (): Promise<void> => {
    const { status, stderr } = await runHoldfast(['backup', source, '--to', vault]);
    assert.equal(status, 0, stderr);
  };
  for (let n = 0; n < 4; n += 1) await backUp();

  const dry = await forgetJson('--keep-last', '2', '--dry-run');
  assert.deepEqual([dry.status, dry.answer.dryRun, counts(dry.answer)], [0, true, [[2, 2]]]);
  assert.deepEqual(dry.answer.vaults[0]?.targets[0]?.keep[0]?.reasons, ['last', 'newest', 'newest-good']);
  assert.equal((await readdir(join(vault, 'docs'))).length, 4);

  const other = await forgetJson('--keep-last', '1', '--source', 'other');
  assert.deepEqual(counts(other.answer), [[0, 0]]);

  await writeFile(join(source, 'file'), 'x');
  await backUp();
  const paused = await forgetJson('--keep-last', '2');
  assert.equal(paused.status, 3);
  assert.deepEqual(counts(paused.answer), [[0, 5]]);
  assert.equal(paused.answer.vaults[0]?.findings[0]?.code, 'prune-paused');

  const text = await runHoldfast(['forget', ...from, '--keep-last', '2', '--force']);
  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stdout, /directory docs \(job docs, .*docs\)/);
  assert.equal(text.stdout.match(/keep: last/g)?.length, 2);
  assert.equal(text.stdout.match(/remove$/gm)?.length, 3);
  assert.match(text.stderr, /3 deleted, 2 retained/);
  assert.equal((await readdir(join(vault, 'docs'))).length, 2);
});

test('a command line that does not say what to forget, or says it wrong, is refused', async () => {
  for (const args of [
    [],
    ['--keep-last', '0'],
    ['--keep-last', '-1'],
    ['--keep-daily', '1.5'],
    ['--keep-within', '30'],
    ['--keep-within', '0d'],
    ['--keep-last', '1', 'abcdef'],
    ['--keep-last', '1', '--group-by', 'colour'],
    ['--keep-last', '1', '--timezone', 'Mars/Olympus'],
  ]) {
    const { status, stderr } = await runHoldfast(['forget', ...from, ...args]);
    assert.equal(status, 1, `${args.join(' ')}: ${stderr}`);
  }
});
