import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { silentLogger as logger } from '../base/log.ts';
import type { Need, Problem } from '../source/index.ts';
import { MemoryStore } from '../store/index.ts';
import { MirrorVault } from './mirror/index.ts';
import { RepositoryVault } from './repository/index.ts';
import { sampleFile, sampleRoot } from './testing/sample-entries.ts';
import { newPoint } from './testing/vault-testing.ts';
import type { Vault } from './vault.ts';

const never = new AbortController().signal;
let runs = 0;
const half = { path: 'half', kind: 'unreadable', message: 'The 5 bytes at 0 can not be read.' } as const;

/** Backs two files up, with problems, and returns what was needed of each. */
async function run(vault: Vault, problems: readonly Problem[]): Promise<(Need | undefined)[]> {
  const needed: (Need | undefined)[] = [];
  const files = ['half', 'whole'].map((name) => sampleFile(name, Buffer.from('bytes')));
  await vault.write(
    newPoint({ startedAt: new Date((runs += 1) * 1000) }),
    async (writer) => {
      await writer.add(sampleRoot);
      for (const file of files) needed.push(await writer.needs?.(file));
      for (const file of files) await writer.add(file);
      return { details: {}, problems };
    },
    never,
  );
  return needed;
}

const settings = () => ({ name: 'test', store: new MemoryStore(systemClock), clock: systemClock, logger });
const isNew = (need: Need | undefined): boolean => need === 'content' || need === 'in-place';

describe('a file of which not all could be read', () => {
  const vaults: Readonly<Record<string, () => Vault>> = {
    mirror: () => new MirrorVault({ type: 'mirror' }, settings()),
    repository: () =>
      new RepositoryVault({ type: 'repository', password: 'x' }, { ...settings(), kdf: { N: 1024, r: 8, p: 1 } }),
  };
  for (const [type, open] of Object.entries(vaults))
    it(`is read again, though its inode is as it was, until all of it is there (${type})`, async () => {
      const vault = open();
      assert.deepEqual((await run(vault, [half])).map(isNew), [true, true]);
      assert.deepEqual((await run(vault, [half])).map(isNew), [true, false]);
      assert.deepEqual((await run(vault, [])).map(isNew), [true, false]);
      assert.deepEqual((await run(vault, [])).map(isNew), [false, false]);
      await vault.close();
    });

  it('is any, where not all of very many are told', async () => {
    const vault = new MirrorVault({ type: 'mirror' }, settings());
    await run(
      vault,
      Array.from({ length: 1001 }, (_, index) => ({ ...half, path: `other-${index}` })),
    );
    assert.deepEqual(await run(vault, []), ['content', 'content']);
  });
});
