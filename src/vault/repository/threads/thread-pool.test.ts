import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';

/** Closes pools whose threads have answers on their way, in a process that nothing else keeps alive. */
const program = `
import { randomBytes } from 'node:crypto';
import { startReadingPool } from ${JSON.stringify(new URL('./reading-pool.ts', import.meta.url))};
const key = { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };
const size = 1_000_000;
const request = { op: 'open', sealed: new Uint8Array(new SharedArrayBuffer(size)), places: Uint32Array.of(0, size, 0), ids: new Uint8Array(32) };
for (let round = 0; round < 8; round += 1) {
  const pool = startReadingPool({ key });
  const answers = Array.from({ length: 40 }, () => pool.run(request).catch(() => {}));
  await answers[0];
  for (const startMs = performance.now(); performance.now() - startMs < 5;);
  await pool.close();
  await Promise.all(answers);
}
console.log('ended');
`;

it('a pool that is closed while its threads work is closed before the process ends', () => {
  const args = ['--no-warnings', '--input-type=module', '--eval', program];
  assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'ended\n');
});
