import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { silentLogger, type Logger } from '../../base/log.ts';
import type { Vault } from '../../vault/index.ts';
import { sweepAfterMs, sweepVaults } from './sweep-vaults.ts';

const vaultThat = (sweep: Vault['sweep']): Vault => ({ name: 'cellar', sweep }) as Vault;

function recorder(): { readonly logger: Logger; readonly warnings: string[] } {
  const warnings: string[] = [];
  return { logger: { ...silentLogger, warn: (message) => void warnings.push(message) }, warnings };
}

const { signal } = new AbortController();

test('only what is a day older than now is swept', async () => {
  const now = systemClock.now();
  const asked: Date[] = [];
  const vault = vaultThat(async (olderThan) => asked.push(olderThan));
  const { logger, warnings } = recorder();
  await sweepVaults([vault], { clock: { ...systemClock, now: () => now }, logger, signal });
  assert.deepEqual([asked[0]?.getTime(), warnings], [now.getTime() - sweepAfterMs, []]);
});

test('a sweep that fails is a warning that names the vault, and the other vaults are swept', async () => {
  let swept = 0;
  const { logger, warnings } = recorder();
  const failing = vaultThat(() => Promise.reject(new Error('the store is gone')));
  await sweepVaults([failing, vaultThat(async () => (swept += 1))], { clock: systemClock, logger, signal });
  assert.equal(swept, 1);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /cellar.*the store is gone/);
});

test('a sweep that is interrupted is not told as a failure', async () => {
  const { logger, warnings } = recorder();
  const vault = vaultThat(() => Promise.reject(new Error('aborted')));
  await sweepVaults([vault], { clock: systemClock, logger, signal: AbortSignal.abort() });
  assert.deepEqual(warnings, []);
});
