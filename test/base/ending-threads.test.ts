/** Threads that call the C library end at any moment, also while V8 compiles such a call. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { findFfi } from '../../src/base/native-functions.ts';

const threads = 300;
const thisFile = fileURLToPath(import.meta.url);

/** Calls what V8 finds worth compiling for so many milliseconds, and ends. */
const callForAWhile = `
  const { workerData } = require('node:worker_threads');
  const ffi = require('node:ffi');
  const { functions } = ffi.dlopen(null, {
    getpid: { arguments: [], return: 'i32' },
    abs: { arguments: ['i32'], return: 'i32' },
    strlen: { arguments: ['pointer'], return: 'u64' },
  });
  const text = Buffer.from('hello\\0');
  const address = ffi.getRawPointer(text);
  let sum = 0;
  const call = (times) => {
    for (let i = 0; i < times; i++) {
      sum += functions.abs(i) + functions.getpid();
      if (i % 3 === 0) sum += Number(functions.strlen(address));
    }
  };
  const until = performance.now() + workerData;
  while (performance.now() < until) call(500);
`;

async function startThreads(): Promise<void> {
  assert.ok(findFfi());
  for (let thread = 0; thread < threads; thread += 1)
    await once(new Worker(callForAWhile, { eval: true, workerData: (thread * 7) % 23 }), 'exit');
}

if (process.argv[2] === 'start-threads') await startThreads();
else
  test('a thread that ends while a call of the C library is compiled does not take the process along', () => {
    const { status, signal, stderr } = spawnSync(process.execPath, [thisFile, 'start-threads'], { encoding: 'utf8' });
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  });
