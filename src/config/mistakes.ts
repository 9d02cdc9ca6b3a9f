import type { z } from 'zod';
import type { HoldfastError } from '../base/errors.ts';
import { configError } from './errors.ts';
import { isSecretPath } from './configuration-secrets.ts';
import type { DocumentPath, YamlDocument } from './documents/yaml-document.ts';

/** One thing that is wrong in a configuration. */
export interface Mistake {
  /** Where it stands when that is not the file: "command line", "environment". */
  readonly origin?: string;
  /** From 1; none where there is no file, as in the environment. */
  readonly line?: number | undefined;
  /** "jobs.app.sources[0].path"; empty for the document as a whole. */
  readonly key: string;
  readonly message: string;
}

/** "jobs.app.sources[0].path" */
export function keyOf(path: DocumentPath): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );
}

/** What stands in the file, short enough for one line; nothing of a secret. */
export function showFound(value: unknown, path: DocumentPath): string {
  if (value === undefined) return 'nothing';
  if (isSecretPath(path)) return typeof value === 'string' ? 'a text that is not shown' : 'a value that is not shown';
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'a list';
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? '{}' : 'a map';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(value: unknown, path: DocumentPath): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<string | number, unknown> | undefined)?.[step], value);
}

/** What zod calls the kinds of values -> what people call them. */
const typeWords: Readonly<Record<string, string>> = {
  record: 'a map (key: value)',
  object: 'a map (key: value)',
  array: 'a list ([…])',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function leastOf({ origin, minimum }: z.core.$ZodIssueTooSmall): string {
  if (origin === 'string') return 'expected a text that is not empty';
  return `expected at least ${minimum}${origin === 'array' ? ' item' : ''}`;
}

/** The issues of a discriminated union or a union come nested; the innermost say what is expected. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${typeWords[issue.expected] ?? issue.expected}`;
    case 'invalid_key':
      return `expected ${issue.issues[0]?.message ?? 'another name'}`;
    case 'invalid_format':
      return issue.format === 'url'
        ? 'expected an address: https://host or http://host:port'
        : `expected ${issue.message}`;
    case 'invalid_value':
      return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_union': {
      const options = (issue as { options?: readonly unknown[] }).options;
      return options ? `expected ${options.map((value) => JSON.stringify(value)).join(' or ')}` : 'no accepted form';
    }
    case 'too_small':
      return leastOf(issue);
    case 'too_big':
      return `expected at most ${issue.maximum}`;
    default:
      return issue.message.startsWith('Invalid') ? issue.message.toLowerCase() : `expected ${issue.message}`;
  }
}

/** Says each of zod's issues in our words: the key, what was found, what is expected. */
export function mistakesOf(
  error: z.ZodError,
  document: unknown,
  lineOf: (path: DocumentPath) => number | undefined,
  knownKeys: (path: DocumentPath) => readonly string[],
): Mistake[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path as DocumentPath;
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => {
        const known = knownKeys(path);
        const expected = known.length > 0 ? `; known here: ${known.join(', ')}` : '';
        return {
          line: lineOf([...path, key]),
          key: keyOf([...path, key]),
          message: `this key is not known${expected}`,
        };
      });
    const found = valueAt(document, path);
    const lead = found === undefined ? 'is missing' : `found ${showFound(found, path)}`;
    return [{ line: lineOf(path), key: keyOf(path), message: `${lead}; ${expectation(issue)}` }];
  });
}

/** `unset`, and of `more` what stands elsewhere: a value that a variable does not give can't be judged. */
export function withoutDerived(unset: readonly Mistake[], more: readonly Mistake[]): Mistake[] {
  const known = new Set(unset.map(({ key }) => key));
  return [...unset, ...more.filter(({ key }) => !known.has(key))];
}

/** What keeps a text from being parsed at all. */
export function syntaxMistakes(document: YamlDocument): Mistake[] {
  return document.mistakes.map(({ line, message }) => ({ line, key: '', message }));
}

/** All mistakes of one file as one error. */
export function invalidConfiguration(origin: string, mistakes: readonly Mistake[]): HoldfastError {
  const lines = [...mistakes]
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .map(({ origin: elsewhere, line, key, message }) => {
      const place = elsewhere ?? (line === undefined ? origin : `${origin}:${line}`);
      return `  ${place}: ${key === '' ? '' : `${key}: `}${message}`;
    });
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return configError('invalid', {
    message: `the configuration has ${count}:\n${lines.join('\n')}`,
    hint: 'Nothing was touched. "holdfast config check" shows the same list; docs/configuration.md has every key.',
    context: { mistakes },
  });
}
