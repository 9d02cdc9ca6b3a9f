import { type Clock, systemClock } from '../../src/base/clock.ts';
import { silentLogger as logger } from '../../src/base/log.ts';
import { testVault } from '../../src/vault/testing/test-vault.ts';
import { RepositoryVault } from '../../src/vault/repository/index.ts';

/** A guess of the password costs next to nothing. */
const kdf = { N: 1024, r: 8, p: 1 };

/** Who takes a lock waits for those who take one too: in one process that takes no time. */
const hurried = (clock: Clock): Clock => ({
  ...clock,
  sleep: (ms, signal) => systemClock.sleep(ms < 1000 ? 1 : ms, signal),
});

testVault(
  'a repository',
  (store, clock) =>
    new RepositoryVault(
      { type: 'repository', password: 'correct horse' },
      { name: 'test', store, clock: hurried(clock), logger, kdf },
    ),
  {
    deduplicates: true,
    leaves: /^(?:config$|keys\/|data\/|index\/)/,
    calls: ['put', 'sync', 'list', 'get', 'head', 'delete'],
    holes: 'by chunk',
  },
);
