import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  listOf,
  mapOf,
  number,
  object,
  objectWith,
  oneOf,
  type Shape,
  ShapeError,
  text,
  textLike,
  wholeNumber,
} from './shape.ts';

const shape = objectWith(
  { name: text, id: textLike(/^[0-9a-f]+$/, 'hexadecimal digits'), tags: listOf(text), kind: oneOf('file', 'tree') },
  { counts: mapOf(wholeNumber(0, 9)), inner: object({ ratio: number }) },
);
const right = { name: 'a', id: '0f', tags: ['x'], kind: 'file' };

const refuses = (one: Shape<unknown>, value: unknown, message: string): void =>
  assert.throws(
    () => one(value),
    (error) => error instanceof ShapeError && error.message === message,
  );

describe('the shape of a value', () => {
  it('gives what is asked for and leaves out the rest', () => {
    assert.deepEqual(shape({ ...right, more: 1 }), right);
    const all = { ...right, counts: { a: 0, b: 9 }, inner: { ratio: 0.5 } };
    assert.deepEqual(shape(all), all);
    const named = JSON.parse('{"__proto__":1}') as unknown;
    assert.deepEqual(Object.entries(mapOf(number)(named)), [['__proto__', 1]]);
  });

  it('says where something else stands', () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ name: 1 }, 'name: a text is expected'],
      [{ name: undefined }, 'name: a text is expected'],
      [{ id: 'xy' }, 'id: hexadecimal digits is expected'],
      [{ tags: 'x' }, 'tags: a list is expected'],
      [{ tags: ['x', null] }, 'tags.1: a text is expected'],
      [{ kind: 'pipe' }, 'kind: "file" or "tree" is expected'],
      [{ counts: [] }, 'counts: an object is expected'],
      [{ counts: { a: 10 } }, 'counts.a: a whole number from 0 to 9 is expected'],
      [{ counts: { a: 0.5 } }, 'counts.a: a whole number from 0 to 9 is expected'],
      [{ inner: null }, 'inner: an object is expected'],
      [{ inner: { ratio: '1' } }, 'inner.ratio: a number is expected'],
    ];
    for (const [change, message] of wrong) refuses(shape, { ...right, ...change }, message);
    for (const value of [undefined, null, 'x', []]) refuses(shape, value, 'an object is expected');
  });
});
