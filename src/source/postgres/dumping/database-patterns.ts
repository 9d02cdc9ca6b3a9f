import { sourceError } from '../../errors.ts';

function globToRegex(glob: string): RegExp {
  const source = glob.replaceAll(/[.*+?^${}()|[\]\\]/g, (character) =>
    character === '*' ? '.*' : character === '?' ? '.' : `\\${character}`,
  );
  return new RegExp(`^${source}$`, 'su');
}

/**
 * The names that the patterns choose, in the order of `names`: * and ? are wildcards, "!" before a pattern takes its
 * matches out again, later patterns win. When the first pattern is a negation, all names are there to begin with.
 * Throws source/bad-pattern for an empty one.
 */
export function matchDatabases(names: readonly string[], patterns: readonly string[]): string[] {
  const rules = patterns.map((pattern) => {
    const negated = pattern.startsWith('!');
    const glob = negated ? pattern.slice(1) : pattern;
    if (glob === '') throw sourceError('bad-pattern', { message: 'a pattern for databases is empty' });
    return { negated, regex: globToRegex(glob) };
  });
  const startsFull = rules[0]?.negated ?? false;
  return names.filter((name) => {
    let chosen = startsFull;
    for (const { negated, regex } of rules) if (regex.test(name)) chosen = !negated;
    return chosen;
  });
}
