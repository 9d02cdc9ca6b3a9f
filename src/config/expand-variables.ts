import { readFileSync } from 'node:fs';
import { messageOf } from '../base/errors.ts';
import { configError } from './errors.ts';

/** `${NAME}` or `${NAME:-default}`; `$${` stands for a literal `${`. */
const pattern = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The value of a variable; NAME_FILE names a file that holds it (Docker secrets). Empty counts as absent.
 * Throws config/unreadable when that file can't be read.
 */
export function lookUpVariable(name: string, environment: Environment): string | undefined {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  const file = environment[`${name}_FILE`];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw configError('unreadable', {
      message: `${name}_FILE can't be read: ${messageOf(error)}`,
      hint: `Let ${name}_FILE name a file that this user may read, or set ${name}`,
      cause: error,
    });
  }
}

/** Expands the variables in one text. `onMistake` is told of each that has neither a value nor a default. */
export function expandText(text: string, environment: Environment, onMistake: (message: string) => void): string {
  return text.replaceAll(pattern, (whole, name: string | undefined, fallback: string | undefined) => {
    if (name === undefined) return '${';
    try {
      const value = lookUpVariable(name, environment) ?? fallback;
      if (value !== undefined) return value;
      onMistake(`the variable ${name} is not set, and has no default here, as in \${${name}:-default}`);
    } catch (error) {
      onMistake(messageOf(error));
    }
    return whole;
  });
}

/** Expands the variables in every text of a parsed document; keys are left alone. Returns a copy. */
export function expandVariables(
  value: unknown,
  environment: Environment,
  onMistake: (path: readonly (string | number)[], message: string) => void,
  path: readonly (string | number)[] = [],
): unknown {
  if (typeof value === 'string') return expandText(value, environment, (message) => onMistake(path, message));
  if (Array.isArray(value))
    return value.map((item, index) => expandVariables(item, environment, onMistake, [...path, index]));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, expandVariables(item, environment, onMistake, [...path, key])]),
    );
  return value;
}
