/**
 * Patterns as in .gitignore, matched on bytes: every string here is "latin1", one character per byte, so that a name
 * that is not UTF-8 matches as git would match it. Source: gitignore(5), and git's wildmatch for its corners.
 */
export interface GitignoreRule {
  readonly negated: boolean;
  readonly directoryOnly: boolean;
  /** Tests the whole path relative to the rules' directory; else the last segment. */
  readonly anchored: boolean;
  readonly expression: RegExp;
}

const posixClasses: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: ' \\t-\\r',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

const matchesNothing = '(?!)';

const literal = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;

/** One character of a bracket expression at `at`, unescaped; undefined at the pattern's end. */
function bracketCharacter(pattern: string, at: number): { readonly value: string; readonly next: number } | undefined {
  const escaped = pattern[at] === '\\';
  const value = pattern[escaped ? at + 1 : at];
  return value === undefined ? undefined : { value, next: at + (escaped ? 2 : 1) };
}

/** A member of a bracket expression that starts at `at`: a class such as [:digit:], a range, or one character. */
function bracketMember(pattern: string, at: number): { readonly source: string; readonly next: number } | undefined {
  if (pattern.startsWith('[:', at)) {
    const end = pattern.indexOf(']', at + 2);
    if (end < 0) return undefined;
    if (pattern[end - 1] === ':' && end - 1 >= at + 2) {
      const members = posixClasses[pattern.slice(at + 2, end - 1)];
      return members === undefined ? undefined : { source: members, next: end + 1 };
    }
  }
  const first = bracketCharacter(pattern, at);
  if (first === undefined) return undefined;
  const isRange = pattern[first.next] === '-' && (pattern[first.next + 1] ?? ']') !== ']';
  const last = isRange ? bracketCharacter(pattern, first.next + 1) : first;
  if (last === undefined) return undefined;
  if (last.value < first.value) return { source: '', next: last.next };
  return { source: `${literal(first.value)}-${literal(last.value)}`, next: last.next };
}

/** The bracket expression that opens at `at`; undefined when it never closes: such a pattern matches nothing. */
function bracket(pattern: string, at: number): { readonly source: string; readonly next: number } | undefined {
  let next = at + 1;
  const negated = pattern[next] === '!' || pattern[next] === '^';
  if (negated) next += 1;
  let members = '';
  for (let first = true; first || pattern[next] !== ']'; first = false) {
    const member = bracketMember(pattern, next);
    if (member === undefined) return undefined;
    members += member.source;
    next = member.next;
  }
  return { source: `(?!/)[${negated ? '^' : ''}${members}]`, next: next + 1 };
}

/** A run of asterisks at `at`: two or more between slashes (or the ends) cross directories. */
function asterisks(pattern: string, at: number): { readonly source: string; readonly next: number } {
  let end = at;
  while (pattern[end] === '*') end += 1;
  const opens = at === 0 || pattern[at - 1] === '/';
  if (end - at < 2 || !opens) return { source: '[^/]*', next: end };
  if (end === pattern.length) return { source: '[^]*', next: end };
  return pattern[end] === '/' ? { source: '(?:[^]*/)?', next: end + 1 } : { source: '[^/]*', next: end };
}

/** The regular expression's source for a glob; undefined when the glob is broken and matches nothing. */
function globSource(pattern: string): string | undefined {
  let source = '';
  for (let at = 0; at < pattern.length;) {
    const character = pattern[at] as string;
    let part: { readonly source: string; readonly next: number } | undefined;
    if (character === '*') part = asterisks(pattern, at);
    else if (character === '?') part = { source: '[^/]', next: at + 1 };
    else if (character === '[') part = bracket(pattern, at);
    else if (character !== '\\') part = { source: literal(character), next: at + 1 };
    else if (at + 1 < pattern.length) part = { source: literal(pattern[at + 1] as string), next: at + 2 };
    if (part === undefined) return undefined;
    source += part.source;
    at = part.next;
  }
  return source;
}

/** Trailing spaces don't count, unless the first of them is escaped by a backslash. */
function withoutTrailingSpaces(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === ' ') end -= 1;
  const backslashes = /\\*$/.exec(line.slice(0, end))?.[0].length ?? 0;
  return line.slice(0, backslashes % 2 === 1 && end < line.length ? end + 1 : end);
}

/** Reads one line; undefined for a comment, an empty line, and a glob that can't match anything. */
export function parseGitignoreRule(line: string): GitignoreRule | undefined {
  let pattern = withoutTrailingSpaces(line);
  if (pattern === '' || pattern.startsWith('#')) return undefined;
  const negated = pattern.startsWith('!');
  if (negated) pattern = pattern.slice(1);
  const directoryOnly = pattern.endsWith('/');
  if (directoryOnly) pattern = pattern.slice(0, -1);
  const anchored = pattern.includes('/');
  if (pattern.startsWith('/')) pattern = pattern.slice(1);
  const source = pattern === '' ? undefined : globSource(pattern);
  if (source === undefined) return undefined;
  return { negated, directoryOnly, anchored, expression: new RegExp(`^${source || matchesNothing}$`) };
}

/** Reads an ignore file: lines of UTF-8 or any other bytes, with or without a byte order mark. */
export function parseGitignore(content: Buffer): GitignoreRule[] {
  const text = content.toString('latin1').replace(/^\u00ef\u00bb\u00bf/, '');
  return text.split('\n').flatMap((line) => parseGitignoreRule(line.replace(/\r$/, '')) ?? []);
}

/** What the last rule that matches says of a path (latin1, relative to the rules' directory); undefined if none does. */
export function matchGitignore(
  rules: readonly GitignoreRule[],
  path: string,
  isDirectory: boolean,
): 'matched' | 'negated' | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  for (let index = rules.length - 1; index >= 0; index -= 1) {
    const rule = rules[index] as GitignoreRule;
    if (rule.directoryOnly && !isDirectory) continue;
    if (rule.expression.test(rule.anchored ? path : name)) return rule.negated ? 'negated' : 'matched';
  }
  return undefined;
}
