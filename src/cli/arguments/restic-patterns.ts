/** A leading "#" and trailing spaces mean something in .gitignore alone. */
const escapeEnds = (pattern: string): string => pattern.replace(/^#/, '\\#').replace(/ $/, '\\ ');

/**
 * A pattern as restic reads it, in .gitignore's terms for whole paths without their leading "/": one that begins with
 * "/" counts from the root of the file system, any other matches at every depth. Sources: restic's manual, "Excluding
 * files", and gitignore(5).
 */
export function gitignorePattern(pattern: string): string {
  const negated = pattern.startsWith('!');
  const path = (negated ? pattern.slice(1) : pattern).replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
  const anchored = path.startsWith('/') || path.startsWith('**/') ? path : `**/${path}`;
  return `${negated ? '!' : ''}${escapeEnds(anchored)}`;
}

function eitherCase(letter: string): string {
  const [lower, upper] = [letter.toLowerCase(), letter.toUpperCase()];
  return lower === upper || lower.length !== upper.length ? letter : `[${lower}${upper}]`;
}

/** The same pattern for letters of either case: "a" becomes "[aA]", "[a-c]" becomes "[a-cA-C]". */
export function insensitivePattern(pattern: string): string {
  return pattern.replaceAll(
    /\\[^]|\[([!^]?)(\]?[^\]]*)\]|\p{L}/gu,
    (whole, negation: string | undefined, members: string | undefined) => {
      if (members !== undefined) return `[${negation ?? ''}${members.toLowerCase()}${members.toUpperCase()}]`;
      return whole.startsWith('\\') ? whole : eitherCase(whole);
    },
  );
}
