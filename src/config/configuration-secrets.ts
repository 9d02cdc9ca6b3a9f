import { registerSecret } from '../base/secrets.ts';
import type { Environment } from './expand-variables.ts';
import type { DocumentPath } from './documents/yaml-document.ts';

/** Keys whose value must never be shown, in whatever shape of configuration they stand. */
const secretKeys = new Set(['password', 'passphrase', 'secretAccessKey', 'sessionToken', 'identities']);

/** Environment variables that hold a secret. */
const secretVariable =
  /(?:PASSWORD|PASSPHRASE|SECRET|SECRET_ACCESS_KEY|ACCESS_KEY_ID|ENCRYPTION_KEY|TOKEN|API_KEYS?)$/i;

/** Keys whose value may hold a secret within; it is not quoted in a message, since it may be too wrong to be taken apart. */
const addressKeys = new Set(['url', 'environment', 'DATABASE_URL', 'WEBHOOK_URL']);

const isSecretKey = (key: string): boolean => secretKeys.has(key) || (/^[A-Z]/.test(key) && secretVariable.test(key));

/** True when no message may quote what stands at `path`. */
export function isSecretPath(path: DocumentPath): boolean {
  return path.some((step) => typeof step === 'string' && (isSecretKey(step) || addressKeys.has(step)));
}

/** The user's password in a URL, in the two forms in which it may be quoted: as it stands there, and decoded. */
function passwordsOf(text: string): string[] {
  const written = URL.canParse(text) ? new URL(text).password : '';
  if (written === '') return [];
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written]; // a stray "%"
  }
}

/** Whoever knows a webhook's address can post there: the part behind the host is a password. */
function registerWebhook(text: string): void {
  registerSecret(text);
  if (!URL.canParse(text)) return;
  const { pathname, search } = new URL(text);
  if (pathname.length > 8) registerSecret(pathname);
  if (search !== '') registerSecret(search);
}

/** Shorter values of variables that nobody asked for may be ordinary words ("true"). */
const shortestUnasked = 8;

/** Marks what an environment holds as secrets, by the names of its variables; and the password of every URL in it. */
export function registerEnvironmentSecrets(environment: Environment): void {
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === '') continue;
    if (secretVariable.test(name) && value.length >= shortestUnasked) registerSecret(value);
    if (name === 'WEBHOOK_URL') registerWebhook(value);
    for (const password of passwordsOf(value)) registerSecret(password);
  }
}

/** Marks every secret of a parsed document, valid or not, before a message can quote it. */
export function registerConfigurationSecrets(value: unknown, key = ''): void {
  if (typeof value === 'string' || typeof value === 'number') {
    const text = String(value);
    if (isSecretKey(key)) registerSecret(text);
    if (key === 'WEBHOOK_URL' || (key === 'url' && /^https?:/i.test(text))) registerWebhook(text);
    for (const password of passwordsOf(text)) registerSecret(password);
  } else if (Array.isArray(value)) {
    for (const item of value) registerConfigurationSecrets(item, key);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) registerConfigurationSecrets(item, name);
  }
}
