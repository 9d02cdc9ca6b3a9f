import { registerSecret } from '../base/secrets.ts';

/** Keys whose value must never be shown, in whatever shape of configuration they stand. */
const secretKeys = new Set(['password', 'passphrase', 'secretAccessKey', 'sessionToken', 'identities']);

/** The password in a URL, in the two forms in which it may be quoted: as it stands there, and decoded. */
function passwordsOf(text: string): string[] {
  const written = URL.canParse(text) ? new URL(text).password : '';
  if (written === '') return [];
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written]; // a stray "%"
  }
}

/** Marks every secret of a parsed document, valid or not, before a message can quote it. */
export function registerConfigurationSecrets(value: unknown, key = ''): void {
  if (typeof value === 'string') {
    if (secretKeys.has(key)) registerSecret(value);
    for (const password of passwordsOf(value)) registerSecret(password);
  } else if (Array.isArray(value)) {
    for (const item of value) registerConfigurationSecrets(item, key);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) registerConfigurationSecrets(item, name);
  }
}
