import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { SmallFile } from './small-file-batch.ts';
import { SmallFileWriter } from './small-file-writer.ts';

const scratch = mkdtempSync(join(tmpdir(), 'holdfast-small-files-'));
after(() => rmSync(scratch, { recursive: true }));

function place(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path);
  return path;
}

const told = (location: Buffer, error: Error): Error => new Error(`${location.toString()}: ${error.message}`);

const fileAt = (folder: string, number: number, mode = 0o644): SmallFile => ({
  location: Buffer.from(join(folder, `f${number}`)),
  mode,
  mtimeNs: BigInt(number) * 1_000_000_007n - 5_000_000_000n,
  content: Buffer.alloc(number % 9000, number),
});

/** Enough for the thread, and for several batches. */
const many = 2000;

/** Closes a writer whose thread has answers on their way, in a process that nothing else keeps alive. */
const closing = `
import { SmallFileWriter } from ${JSON.stringify(new URL('./small-file-writer.ts', import.meta.url))};
for (let round = 0; round < 8; round += 1) {
  const writer = new SmallFileWriter((location, error) => error);
  for (let number = 0; number < 300; number += 1) {
    const location = Buffer.from(process.argv[1] + '/f' + round + '-' + number);
    await writer.write({ location, mode: 0o644, mtimeNs: 0n, content: Buffer.alloc(1000) });
  }
  void writer.flush();
  for (const startMs = performance.now(); performance.now() - startMs < 100;);
  await writer.close();
}
console.log('ended');
`;

describe('small files', () => {
  it('are there with content, mode and time when all have been flushed, though their bytes changed afterwards', async () => {
    const folder = place('all');
    const writer = new SmallFileWriter(told);
    const modes = [0o644, 0o600, 0o777, 0o4755, 0o2711, 0o444, 0o000];
    for (let number = 0; number < many; number += 1) {
      const file = fileAt(folder, number, modes[number % modes.length]);
      await writer.write(file);
      file.content.fill(0xee);
    }
    await writer.flush();
    await writer.close();
    assert.equal(readdirSync(folder).length, many);
    for (let number = 0; number < many; number += 1) {
      const { mode, mtimeNs, content } = fileAt(folder, number, modes[number % modes.length]);
      const path = join(folder, `f${number}`);
      const stats = statSync(path, { bigint: true });
      assert.equal(Number(stats.mode) & 0o7777, mode, path);
      assert.equal(stats.mtimeNs, mtimeNs, path);
      if ((mode & 0o400) !== 0 || process.geteuid?.() === 0) assert.deepEqual(readFileSync(path), content);
    }
  });

  it('that cannot be made are told of by name, and nothing is written through a link', async () => {
    const folder = place('taken');
    const outside = join(scratch, 'outside');
    symlinkSync(outside, join(folder, `f${many - 10}`));
    const writer = new SmallFileWriter(told);
    const writing = async (): Promise<void> => {
      for (let number = 0; number < many; number += 1) await writer.write(fileAt(folder, number));
      await writer.flush();
    };
    await assert.rejects(writing(), (error: Error) => error.message.startsWith(`${folder}/f${many - 10}: EEXIST`));
    await assert.rejects(writer.flush());
    assert.equal(statSync(outside, { throwIfNoEntry: false }), undefined);
    await writer.close();
  });

  it('that are few are written at once', async () => {
    const folder = place('few');
    const writer = new SmallFileWriter(told);
    assert.equal(writer.write(fileAt(folder, 7)), undefined);
    assert.equal(statSync(join(folder, 'f7')).size, 7);
    await writer.close();
  });

  it('whose writer is closed while its thread works do not end the process before it is closed', () => {
    const args = ['--no-warnings', '--input-type=module', '--eval', closing, place('closing')];
    assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'ended\n');
  });
});
