import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { forEachConcurrently, mapOrdered, Semaphore } from './concurrency.ts';

/** Work that takes some turns of the event loop, and that counts how much of it is under way. */
function gauge() {
  const state = { now: 0, most: 0 };
  const work = async (turns: number): Promise<number> => {
    state.now += 1;
    state.most = Math.max(state.most, state.now);
    for (let left = turns; left > 0; left -= 1) await turn();
    state.now -= 1;
    return turns;
  };
  return { state, work };
}

const ascending = (a: number, b: number): number => a - b;

async function* oneThenFailure(): AsyncGenerator<number> {
  yield 9;
  throw new Error('no more items');
}

const turnLists = fc.array(fc.nat({ max: 6 }), { maxLength: 25 });
const limits = fc.integer({ min: 1, max: 5 });

test('mapOrdered gives every result in the order of the items, with no more under way than allowed', async () => {
  await fc.assert(
    fc.asyncProperty(turnLists, limits, async (items, limit) => {
      const { state, work } = gauge();
      assert.deepEqual(await Array.fromAsync(mapOrdered(items, limit, work)), items);
      assert.ok(state.most <= limit);
    }),
  );
});

test('mapOrdered starts nothing new while its results wait to be taken', async () => {
  let started = 0;
  const results = mapOrdered(
    Array.from({ length: 100 }, (_, i) => i),
    3,
    async () => void (started += 1),
  );
  await results.next();
  for (let i = 0; i < 20; i += 1) await turn();
  assert.equal(started, 3);
  await results.return();
});

test('mapOrdered ends with the first failure, and waits for what is under way', async () => {
  const { state, work } = gauge();
  const results = mapOrdered([3, -1, 9, 1, 1], 3, async (turns) => {
    if (turns < 0) throw new Error('no');
    return await work(turns);
  });
  const taken: number[] = [];
  await assert.rejects(async () => {
    for await (const result of results) taken.push(result);
  }, /no/);
  assert.deepEqual(taken, [3]);
  assert.equal(state.now, 0);
});

test('forEachConcurrently works on every item, with no more under way than allowed', async () => {
  await fc.assert(
    fc.asyncProperty(turnLists, limits, async (items, limit) => {
      const { state, work } = gauge();
      const done: number[] = [];
      await forEachConcurrently(items, limit, async (turns) => void done.push(await work(turns)));
      assert.deepEqual(done.sort(ascending), items.toSorted(ascending));
      assert.ok(state.most <= limit);
    }),
  );
});

test('forEachConcurrently throws the first failure, starts nothing after it, and waits for what is under way', async () => {
  const { state, work } = gauge();
  const seen: number[] = [];
  const items = [5, -1, 5, 5, 5, 5, 5, 5];
  await assert.rejects(
    forEachConcurrently(items, 2, async (turns) => {
      seen.push(turns);
      if (turns < 0) throw new Error('first');
      await work(turns);
    }),
    /first/,
  );
  assert.deepEqual(seen, [5, -1]);
  assert.equal(state.now, 0);
});

test('when the items themselves fail, forEachConcurrently still waits for what is under way', async () => {
  const { state, work } = gauge();
  await assert.rejects(
    forEachConcurrently(oneThenFailure(), 2, async (turns) => void (await work(turns))),
    /no more items/,
  );
  assert.equal(state.now, 0);
});

test('a semaphore lets its number in, the others in the order of their calls, and a failure frees its place', async () => {
  const semaphore = new Semaphore(2);
  const { state, work } = gauge();
  const started: number[] = [];
  const results = await Promise.allSettled(
    [4, 2, 3, 1, 2].map((turns, index) =>
      semaphore.run(async () => {
        started.push(index);
        await work(turns);
        if (index === 1) throw new Error('one fails');
      }),
    ),
  );
  assert.deepEqual(started, [0, 1, 2, 3, 4]);
  assert.equal(state.most, 2);
  assert.deepEqual(
    results.map(({ status }) => status === 'rejected'),
    [false, true, false, false, false],
  );
});
