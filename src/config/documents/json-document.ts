/** How many members the objects of a parsed text have, all in all. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const items = Object.values(value);
  return items.reduce<number>((sum, item) => sum + countMembers(item), Array.isArray(value) ? 0 : items.length);
}

/** How many members a JSON text writes: its strings before a colon. One that is written twice is parsed once. */
function countWrittenMembers(text: string): number {
  return [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon !== undefined).length;
}

/** A number that is written in another way than it would be printed stays a text: 1e3 may be a password. */
const keepOddNumber = (_key: string, value: unknown, { source }: { readonly source?: string }): unknown =>
  typeof value === 'number' && String(value) !== source ? source : value;

/**
 * The value of a JSON text as readYamlDocument gives it, without the YAML parser, whose loading takes longer than many a
 * backup. Undefined where that has to say what is wrong: the text is no JSON, or has a key twice.
 */
export function parseJsonDocument(text: string): { readonly value: unknown } | undefined {
  try {
    const value = JSON.parse(text, keepOddNumber as (key: string, value: unknown) => unknown) as unknown;
    return countMembers(value) === countWrittenMembers(text) ? { value } : undefined;
  } catch {
    return undefined;
  }
}
