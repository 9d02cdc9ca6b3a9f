/** One run of a mirror in a process of its own, to be killed. Takes the tree and the store's specification as JSON. */
import { systemClock as clock } from '../../src/base/clock.ts';
import { silentLogger as logger } from '../../src/base/log.ts';
import { runBackup } from '../../src/engine/index.ts';
import { openSources } from '../../src/source/index.ts';
import { openStore, type StoreSpec } from '../../src/store/index.ts';
import { openVault } from '../../src/vault/index.ts';

const [path, spec] = process.argv.slice(2) as [string, string];
const { signal } = new AbortController();
const store = await openStore(JSON.parse(spec) as StoreSpec, { clock, logger });
const vault = await openVault({ type: 'mirror', delete: true }, { name: 'mirror', store, clock, logger });
const sources = await openSources({ type: 'directory', path, name: 'data' }, { signal, logger, clock });
process.send?.('begin');
const result = await runBackup({ job: 'j', sources, vaults: [vault], tags: [], host: 'h', signal, clock, logger });
await vault.close();
process.disconnect?.();
process.exitCode = result.status === 'ok' ? 0 : 1;
