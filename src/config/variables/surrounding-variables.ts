import { readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, systemCode } from '../../base/errors.ts';
import { registerEnvironmentSecrets } from '../configuration-secrets.ts';
import { configError } from '../errors.ts';
import { parseEnvFile } from './env-file.ts';
import { expandApiKeys } from './expand-api-keys.ts';
import type { Environment } from '../expand-variables.ts';

/** The files that may stand beside a configuration, the more important first. */
const envFiles = ['stack.env', '.env'];

/** The variables in an env file; none when it is not there. Throws config/unreadable. */
export function readEnvFile(file: string): Environment {
  try {
    return parseEnvFile(readFileSync(file, 'utf8'));
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return {};
    throw configError('unreadable', {
      message: `${file}, which may hold variables of the configuration, can't be read: ${messageOf(error)}`,
      hint: 'Let this user read it, or remove it',
      cause: error,
    });
  }
}

/** `first` with what only `second` says, or says where `first` is empty. */
export function withDefaults(first: Environment, second: Environment): Environment {
  const set = Object.entries(first).filter(([, value]) => value !== undefined && value !== '');
  return { ...first, ...second, ...Object.fromEntries(set) };
}

/**
 * The variables that a configuration file may refer to: those of the environment, else of stack.env, else of .env in
 * the file's folder, with API_KEYS expanded. Throws config/unreadable or config/invalid.
 */
export function variablesFor(file: string, environment: Environment): Environment {
  const folder = path.dirname(file);
  const all = envFiles.reduce((known, name) => withDefaults(known, readEnvFile(path.join(folder, name))), environment);
  const variables = expandApiKeys(all);
  registerEnvironmentSecrets(variables);
  return variables;
}
