import { registerSecret } from '../../base/secrets.ts';
import type { Environment } from '../expand-variables.ts';
import { lookUpVariable } from '../expand-variables.ts';
import { invalidConfiguration } from '../mistakes.ts';

function refuse(problem: string): never {
  const message = `${problem}; expected a JSON object of texts: {"AWS_ACCESS_KEY_ID": "…", …}`;
  throw invalidConfiguration('environment', [{ key: 'API_KEYS', message }]);
}

function parseBundle(bundle: string): object {
  let value: unknown;
  try {
    value = JSON.parse(bundle);
  } catch {
    return refuse('it is no JSON'); // the parser's words would quote it
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : refuse('it is no JSON object');
}

/**
 * The environment with the variables of the JSON object in API_KEYS (a bundle of secrets, as secret stores hand it to
 * a container) beside its own, which win. Each of the bundle's values is a secret from then on.
 * Throws config/invalid when the bundle is no JSON object of texts, without quoting it.
 */
export function expandApiKeys(environment: Environment): Environment {
  const bundle = lookUpVariable('API_KEYS', environment);
  if (bundle === undefined) return environment;
  registerSecret(bundle);
  const variables: Record<string, string | undefined> = { ...environment };
  for (const [name, value] of Object.entries(parseBundle(bundle)) as [string, unknown][]) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      return refuse(`the value of ${JSON.stringify(name)} is no text`);
    const text = registerSecret(String(value));
    if ((variables[name] ?? '') === '') variables[name] = text;
  }
  return variables;
}
