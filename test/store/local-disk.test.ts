import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openStore } from '../../src/store/index.ts';
import { keysOf, read, testBytes } from '../../src/store/testing/store-testing.ts';

const script = (name: string): string => join(import.meta.dirname, name);

describe('a local store on a real disk', () => {
  it('says when the disk is full or read-only, and leaves nothing half-written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-disk-'));
    const child = ['-rm', process.execPath, script('local-child.ts'), folder];
    const { stdout } = await promisify(execFile)('unshare', child);
    assert.deepEqual(JSON.parse(stdout), {
      fits: 'done',
      full: 'store/full',
      fullPut: 'store/full',
      left: ['fits'],
      readOnly: 'store/read-only',
      readOnlyDelete: 'store/read-only',
      keys: ['fits'],
    });
    await rm(folder, { recursive: true });
  });

  it('shows only whole objects, and all that were acknowledged, after its writer was killed', async () => {
    const path = await mkdtemp(join(tmpdir(), 'holdfast-killed-'));
    const store = await openStore({ type: 'local', path }, { clock: systemClock, logger: silentLogger });
    for (let round = 0; round < 5; round += 1) {
      const child = spawn(process.execPath, [script('writing-child.ts'), path, String(round)], { stdio: 'pipe' });
      let acknowledged = '';
      let kill = 7 + round * 5;
      child.stdout.on('data', (chunk: Buffer) => {
        acknowledged += chunk.toString();
        kill -= chunk.toString().split('\n').length - 1;
        if (kill <= 0) child.kill('SIGKILL');
      });
      await new Promise((resolve) => child.once('close', resolve));
      const names = acknowledged.split('\n').slice(0, -1);
      const keys = await keysOf(store, `${round}/`);
      assert.ok(names.length >= 7);
      for (const name of names) assert.ok(keys.includes(name), `${name} was acknowledged`);
      for (const key of keys) assert.ok((await read(store, key)).equals(testBytes(1_300_000, key.length)), key);
    }
    await store.sweep(new Date(Date.now() + 60_000));
    assert.equal(await store.sweep(new Date(Date.now() + 60_000)), 0);
    await rm(path, { recursive: true });
  });
});
