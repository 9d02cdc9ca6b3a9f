import { type Clock, systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/log.ts';
import { MemoryStore, type ObjectStore } from '../../../store/index.ts';
import { bytesOf, keysIn } from '../../testing/vault-testing.ts';
import { RepositoryVault } from '../index.ts';
import { Repository } from '../repository.ts';

const { signal } = new AbortController();

/** The machine's clock, but that locks need not be waited for. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, abort) => systemClock.sleep(ms <= 200 ? 0 : ms, abort),
};

/** A repository in memory, made once, of which each test takes a copy: its key is derived once only. */
export class KeptRepository {
  readonly store: MemoryStore = new MemoryStore(systemClock);
  readonly vault: RepositoryVault = this.vaultIn(this.store);

  vaultIn(store: ObjectStore): RepositoryVault {
    return new RepositoryVault(
      { type: 'repository', password: 'correct horse', packSizeMiB: 4 },
      { name: 'test', store, clock: hastyClock, logger: silentLogger },
    );
  }

  async copy(): Promise<MemoryStore> {
    const copy = new MemoryStore(systemClock);
    for (const key of await keysIn(this.store)) await copy.put(key, await bytesOf(this.store, key));
    return copy;
  }

  /** The repository that a copy holds. */
  async open(store: ObjectStore, clock: Clock = hastyClock): Promise<Repository> {
    const { key, keyId, config, logger } = await this.vault.open(signal, false);
    return new Repository({ key, keyId, config, clock, logger, store });
  }
}
