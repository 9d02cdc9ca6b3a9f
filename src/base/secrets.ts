/**
 * What must never be shown. A value becomes a secret where it enters the program (configuration, environment, URL);
 * every log line, error text and JSON answer goes through `scrub` on its way out.
 */
const known = new Set<string>();

/** Shorter values would turn ordinary words into asterisks. */
const minimumLength = 4;

const mask = '********';

/** Remembers a value, and its URL-encoded form, as secret for the rest of the process. Returns the value. */
export function registerSecret(value: string): string {
  if (value.length >= minimumLength) {
    known.add(value);
    const encoded = encodeURIComponent(value);
    if (encoded !== value) known.add(encoded);
  }
  return value;
}

/** Replaces every known secret, and the password of every URL, in `text` by asterisks. */
export function scrub(text: string): string {
  let clean = text;
  for (const secret of [...known].sort((a, b) => b.length - a.length)) clean = clean.replaceAll(secret, mask);
  return clean.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/@]+@/gi, `$1:${mask}@`);
}
