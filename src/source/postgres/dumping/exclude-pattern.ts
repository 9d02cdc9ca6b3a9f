/** The two regular expressions, anchored, that one of pg_dump's patterns stands for; undefined means any schema. */
export interface TablePattern {
  readonly schema: string | undefined;
  readonly table: string;
}

const regexCharacters = /[.*+?^${}()|[\]\\]/g;

/**
 * Reads a pattern as psql and pg_dump do (psql manual, "Patterns"): * and ? are wildcards, letters are folded to lower
 * case and a dot splits schema from table, except between double quotes.
 */
export function parseTablePattern(pattern: string): TablePattern {
  const parts = [''];
  let inQuotes = false;
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern.charAt(index);
    const last = parts.length - 1;
    if (character === '"') {
      if (inQuotes && pattern.charAt(index + 1) === '"') {
        parts[last] += '"';
        index += 1;
      } else inQuotes = !inQuotes;
    } else if (inQuotes) parts[last] += character.replace(regexCharacters, String.raw`\$&`);
    else if (character === '.') parts.push('');
    else if (character === '*') parts[last] += '.*';
    else if (character === '?') parts[last] += '.';
    else if (character === '$') parts[last] += String.raw`\$`;
    else parts[last] += character.toLowerCase();
  }
  const table = parts.at(-1) ?? '';
  const schema = parts.length > 1 ? parts.at(-2) : undefined;
  return { schema: schema === undefined ? undefined : `^(?:${schema})$`, table: `^(?:${table})$` };
}
