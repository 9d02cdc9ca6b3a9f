/** Writes objects into a folder until it is killed; prints the key of each one that was acknowledged. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openStore } from '../../src/store/index.ts';
import { testBytes } from '../../src/store/testing/store-testing.ts';

const [path, round] = process.argv.slice(2) as [string, string];
const store = await openStore({ type: 'local', path }, { clock: systemClock, logger: silentLogger });
for (let n = 0; n < 10_000; n += 1) {
  const keys = [`${round}/put/${n}`, `${round}/upload/${n}`] as const;
  await store.put(keys[0], testBytes(1_300_000, keys[0].length));
  writeSync(1, `${keys[0]}\n`);
  const upload = await store.startUpload(keys[1], { ifAbsent: true });
  await upload.putPart(0, testBytes(1_300_000, keys[1].length));
  await upload.complete(1);
  writeSync(1, `${keys[1]}\n`);
}
