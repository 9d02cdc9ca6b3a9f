/** Runs in a process of its own: what a test can only see from outside. Takes S3_SPEC, prints one line of JSON. */
import { MiB } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { openStore, putStream, type S3StoreSpec } from '../../src/store/index.ts';
import { read, testBytes } from '../../src/store/testing/store-testing.ts';

const warnings: string[] = [];
const logger = createLogger({
  level: 'warn',
  format: 'text',
  clock: systemClock,
  write: (line) => void warnings.push(line),
});
const spec = JSON.parse(process.env['S3_SPEC']!) as S3StoreSpec;
const store = await openStore(spec, { clock: systemClock, logger });

async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n += 1) yield Buffer.alloc(MiB, n);
}

const [what, size] = process.argv.slice(2);
if (what === 'round-trip') {
  const bytes = testBytes(100_000);
  await store.put('a', bytes);
  console.log(JSON.stringify({ same: (await read(store, 'a')).equals(bytes), warnings }));
} else {
  const { sizeBytes } = await putStream(store, 'big', megabytes(Number(size)));
  console.log(JSON.stringify({ sizeBytes, peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024) }));
}
await store.close();
