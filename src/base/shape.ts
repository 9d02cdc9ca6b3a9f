/**
 * What is expected of a value that came out of JSON: a function that gives the value as what it is, without what nobody
 * asked for, or throws a ShapeError that says where (`at`) something else stands. A configuration, whose author wants to
 * hear of every mistake, is checked by other means; these are for what programs write.
 */
export type Shape<Value> = (value: unknown, at?: string) => Value;

export type ValueOf<OfShape> = OfShape extends Shape<infer Value> ? Value : never;

/** The shapes of an object's members, by their names. */
type Members = Readonly<Record<string, Shape<unknown>>>;

type Values<Of extends Members> = { -readonly [Name in keyof Of]: ValueOf<Of[Name]> };

/** "source.type: a text is expected". */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';

  constructor(at: string, expected: string) {
    super(`${at === '' ? '' : `${at}: `}${expected} is expected`);
  }
}

const inner = (at: string, name: string): string => (at === '' ? name : `${at}.${name}`);

export const text: Shape<string> = (value, at = '') => {
  if (typeof value === 'string') return value;
  throw new ShapeError(at, 'a text');
};

/** A text of a pattern; `what` says which: "64 hexadecimal digits". */
export const textLike =
  (pattern: RegExp, what: string): Shape<string> =>
  (value, at = '') => {
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw new ShapeError(at, what);
  };

export const number: Shape<number> = (value, at = '') => {
  if (typeof value === 'number') return value;
  throw new ShapeError(at, 'a number');
};

export const wholeNumber =
  (minimum: number, maximum = Number.MAX_SAFE_INTEGER): Shape<number> =>
  (value, at = '') => {
    if (Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum)
      return value as number;
    throw new ShapeError(at, `a whole number from ${minimum} to ${maximum}`);
  };

/** One of some texts or numbers. */
export const oneOf =
  <const Word extends string | number>(...words: readonly Word[]): Shape<Word> =>
  (value, at = '') => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw new ShapeError(at, words.map((word) => JSON.stringify(word)).join(' or '));
  };

export const listOf =
  <Item>(item: Shape<Item>): Shape<Item[]> =>
  (value, at = '') => {
    if (!Array.isArray(value)) throw new ShapeError(at, 'a list');
    return value.map((one, index) => item(one, inner(at, String(index))));
  };

function membersOf(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ShapeError(at, 'an object');
}

/** An object whose members have any names, and values of one shape. */
export const mapOf =
  <Item>(item: Shape<Item>): Shape<Record<string, Item>> =>
  (value, at = '') =>
    Object.fromEntries(Object.entries(membersOf(value, at)).map(([name, one]) => [name, item(one, inner(at, name))]));

function valuesOf(shapes: Members, members: Readonly<Record<string, unknown>>, at: string): [string, unknown][] {
  return Object.entries(shapes).map(([name, shape]) => [name, shape(members[name], inner(at, name))]);
}

/** An object with these members. */
export const object =
  <Needed extends Members>(needed: Needed): Shape<Values<Needed>> =>
  (value, at = '') =>
    Object.fromEntries(valuesOf(needed, membersOf(value, at), at)) as Values<Needed>;

/** An object with some members that it must have, and some that may be missing. */
export const objectWith =
  <Needed extends Members, Optional extends Members>(
    needed: Needed,
    optional: Optional,
  ): Shape<Values<Needed> & Partial<Values<Optional>>> =>
  (value, at = '') => {
    const members = membersOf(value, at);
    const there = Object.fromEntries(Object.entries(optional).filter(([name]) => members[name] !== undefined));
    const values = valuesOf({ ...needed, ...there }, members, at);
    return Object.fromEntries(values) as Values<Needed> & Partial<Values<Optional>>;
  };
