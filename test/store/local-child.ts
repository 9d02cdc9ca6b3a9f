/** Runs in a mount namespace of its own, in a folder given as argument. Prints one line of JSON. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MiB } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openStore, putStream } from '../../src/store/index.ts';
import { keysOf } from '../../src/store/testing/store-testing.ts';

const folder = process.argv[2]!;
const path = join(folder, 'disk');

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );

async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n += 1) yield Buffer.alloc(MiB, n);
}

mkdirSync(path);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', path]);
const store = await openStore({ type: 'local', path }, { clock: systemClock, logger: silentLogger });
const fits = await codeOf(putStream(store, 'fits', megabytes(4)));
const full = await codeOf(putStream(store, 'stream/too-large', megabytes(40)));
const fullPut = await codeOf(store.put('put/too-large', Buffer.alloc(40 * MiB)));
const left = readdirSync(path);
execFileSync('mount', ['-o', 'remount,ro', path]);
const readOnly = await codeOf(store.put('b', Buffer.from('x')));
const readOnlyDelete = await codeOf(store.delete(['fits']));
console.log(JSON.stringify({ fits, full, fullPut, left, readOnly, readOnlyDelete, keys: await keysOf(store) }));
