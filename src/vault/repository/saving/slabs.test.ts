import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contentsOf } from './blob-requests.ts';
import { type Slab, slabBytes, Slabs } from './slabs.ts';

describe('slabs', () => {
  it('are taken one behind the other by a stream that goes on, and the first follows the last', async () => {
    const slabs = new Slabs();
    const count = slabs.memory.byteLength / slabBytes;
    let slab = await slabs.take();
    const first = slab.number;
    for (let step = 1; step <= 2 * count; step += 1) {
      const next = slabs.takeBehind(slab);
      slabs.release(slab);
      slab = await next;
      assert.equal(slab.number, (first + step) % count);
      assert.equal(slab.users, 1);
    }
  });

  it('go to whoever waits for them, whatever else is free', async () => {
    const slabs = new Slabs();
    const one = await slabs.take();
    const two = await slabs.takeBehind(one);
    const three = await slabs.takeBehind(two);
    const behindOne = slabs.takeBehind(one);
    slabs.release(three);
    let came: Slab | undefined;
    void behindOne.then((slab) => (came = slab));
    await Promise.resolve();
    assert.equal(came, undefined);
    slabs.release(two);
    assert.equal(await behindOne, two);
  });

  it('end those who wait when something has failed', async () => {
    const slabs = new Slabs();
    const one = await slabs.take();
    await slabs.takeBehind(one);
    const waiting = slabs.takeBehind(one);
    slabs.fail(new Error('it failed'));
    await assert.rejects(waiting, /it failed/);
    await assert.rejects(slabs.takeBehind(one), /it failed/);
  });

  it('are told to threads as one part where they lie in one piece', async () => {
    const slabs = new Slabs();
    const one = await slabs.take();
    const two = await slabs.takeBehind(one);
    const three = await slabs.takeBehind(two);
    const at = one.number * slabBytes;
    const adjacent = [
      { slab: one, offset: 100, length: slabBytes - 100 },
      { slab: two, offset: 0, length: slabBytes },
      { slab: three, offset: 0, length: 7 },
    ];
    const apart = [
      { slab: two, offset: 5, length: 3 },
      { slab: one, offset: 0, length: 1 },
    ];
    assert.deepEqual(
      contentsOf([adjacent, apart]),
      Uint32Array.of(1, at + 100, 2 * slabBytes - 93, 2, at + slabBytes + 5, 3, at, 1),
    );
  });
});
