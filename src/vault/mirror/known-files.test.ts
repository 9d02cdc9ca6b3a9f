import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import type { Need, SourceEntry } from '../../source/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { readBack, sampleFile, sampleRoot } from '../testing/sample-entries.ts';
import { assertSound, newPoint } from '../testing/vault-testing.ts';
import type { RestorePointOutcome, RestorePointWriter } from '../vault.ts';
import { MirrorVault } from './mirror-vault.ts';

const never = new AbortController().signal;

const file = (path: string, more: Partial<SourceEntry>): SourceEntry => sampleFile(path, Buffer.from('one'), more);

test('needs nothing of a file whose inode says that it is as it was, and keeps what it has of it', async () => {
  const store = new MemoryStore(systemClock);
  const vault = new MirrorVault({ type: 'mirror' }, { name: 'plain', store, clock: systemClock, logger: silentLogger });
  const ask = async (entries: readonly SourceEntry[], details = {}): Promise<(Need | undefined)[]> => {
    const needed: (Need | undefined)[] = [];
    const fill = async (writer: RestorePointWriter): Promise<RestorePointOutcome> => {
      await writer.add(sampleRoot);
      for (const entry of entries) needed.push(await writer.needs?.(entry));
      const bare = { asBefore: true, extendedAttributes: [], open: () => assert.fail('it was read') } as const;
      for (const [at, entry] of entries.entries())
        await writer.add(needed[at] === 'nothing' ? { ...entry, ...bare } : entry);
      return { details, problems: [] };
    };
    await vault.write(newPoint(), fill, never);
    return needed;
  };
  const state = { inode: 2n ** 60n + 1n, ctimeNs: 5n, extendedAttributes: [{ name: 'user.a', value: Buffer.of(1) }] };
  const a = file('a', state);
  const b = file('b', { inode: 7n, ctimeNs: sampleRoot.mtimeNs });
  const { inode: _, ...older } = file('c', state);
  assert.deepEqual(await ask([a, b, older]), ['content', 'content', 'content']);
  const [first] = await assertSound(vault);
  assert.ok(first);
  const before = await readBack(vault, first);
  assert.deepEqual(await ask([a, b, file('c', state)]), ['nothing', 'nothing', 'facts']);
  const [second] = await assertSound(vault);
  assert.ok(second);
  assert.deepEqual(await readBack(vault, second), before);
  assert.deepEqual(
    before.map(({ extendedAttributes }) => extendedAttributes?.length),
    [undefined, 1, undefined, 1],
  );

  const changed = [{ ...a, ctimeNs: 6n }, { ...b, inode: 8n }, file('c', { ...state, user: 'other' })];
  assert.deepEqual(await ask(changed, { notes: ['Something was not recorded.'] }), ['facts', 'facts', 'facts']);
  assert.deepEqual(await ask(changed), ['facts', 'facts', 'facts']);
  assert.deepEqual(await ask(changed), ['nothing', 'nothing', 'nothing']);
});
