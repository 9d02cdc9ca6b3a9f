/**
 * What must never be shown. A value becomes a secret where it enters the program (configuration, environment, URL);
 * every log line, error text and JSON answer goes through `scrub` on its way out.
 */
const known = new Set<string>();

/** Shorter values would turn ordinary words into asterisks. */
const minimumLength = 4;

/**
 * Words of our own names, lines and documents. To mask them would spoil what programs read, and say that one of them is
 * the secret: among the others it is not seen.
 */
const ownWords = new Set(
  (
    'archive backup backups command database debug directory error failed file files ' +
    'holdfast info local mirror partial postgres postgresql repository success warning'
  ).split(' '),
);

const mask = '********';

/** `value` as it stands in a URL; as it is where it can't stand there (half of a surrogate pair). */
function urlEncoded(value: string): string {
  return value.isWellFormed() ? encodeURIComponent(value) : value;
}

/** Remembers a value as secret for the rest of the process, also as URLs and JSON write it. Returns the value. */
export function registerSecret(value: string): string {
  if (value.length >= minimumLength && !ownWords.has(value)) {
    for (const form of [value, urlEncoded(value), JSON.stringify(value).slice(1, -1)]) known.add(form);
  }
  return value;
}

/** Replaces every known secret, and the password of every URL, in `text` by asterisks. */
export function scrub(text: string): string {
  let clean = text;
  for (const secret of [...known].sort((a, b) => b.length - a.length)) clean = clean.replaceAll(secret, mask);
  return clean.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/]+@/gi, `$1:${mask}@`);
}

/**
 * For JSON.stringify: scrubs each text before it is escaped, as a secret may be in it that was escaped once already. The
 * finished JSON is no text to scrub: a secret of digits would make asterisks of a number.
 */
export function scrubbedText(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? scrub(value) : value;
}
