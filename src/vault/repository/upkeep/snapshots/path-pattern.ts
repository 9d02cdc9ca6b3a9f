/**
 * What restic's `find` takes for a pattern: `*` and `?` match within a name, `[…]` one of some characters, `**` any number of
 * names. A pattern that begins with "/" must match from there on, any other at any name on; what is below a match, matches too.
 */
export function pathPattern(pattern: string, ignoreCase = false): (path: string) => boolean {
  const isAbsolute = pattern.startsWith('/');
  const segments = pattern.split('/').filter((segment) => segment !== '');
  const body = segments.map((segment) => (segment === '**' ? '(?:/[^/]+)*' : `/${segmentSource(segment)}`)).join('');
  const matcher = new RegExp(`${isAbsolute ? '^' : ''}${body}(?:/|$)`, ignoreCase ? 'isu' : 'su');
  return (path) => matcher.test(path);
}

function segmentSource(segment: string): string {
  let source = '';
  for (let at = 0; at < segment.length; at += 1) {
    const letter = segment[at] as string;
    const end = letter === '[' ? segment.indexOf(']', at + 2) : -1;
    if (letter === '*') source += '[^/]*';
    else if (letter === '?') source += '[^/]';
    else if (end > 0) {
      source += classSource(segment.slice(at + 1, end));
      at = end;
    } else {
      const escaped = letter === '\\' && at + 1 < segment.length;
      if (escaped) at += 1;
      source += quoted(escaped ? (segment[at] as string) : letter);
    }
  }
  return source;
}

const quoted = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);

const classSource = (inner: string): string => {
  const isNegated = inner.startsWith('^') || inner.startsWith('!');
  const letters = (isNegated ? inner.slice(1) : inner).replaceAll(/[\\\]^[]/g, String.raw`\$&`);
  return `[${isNegated ? '^/' : ''}${letters}]`;
};
