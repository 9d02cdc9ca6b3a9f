import type { z } from 'zod';
import type { HoldfastError } from '../base/errors.ts';
import { configError } from './errors.ts';
import type { DocumentPath } from './yaml-document.ts';

/** One thing that is wrong in a configuration. */
export interface Mistake {
  readonly line: number;
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

/** What stands in the file, short enough for one line. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(value: unknown, path: DocumentPath): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<string | number, unknown> | undefined)?.[step], value);
}

/** The issues of a discriminated union or a union come nested; the innermost say what is expected. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${issue.expected === 'record' ? 'a map' : issue.expected}`;
    case 'invalid_value':
      return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_union': {
      const options = (issue as { options?: readonly unknown[] }).options;
      return options ? `expected ${options.map((value) => JSON.stringify(value)).join(' or ')}` : 'no accepted form';
    }
    case 'too_small':
      return `expected at least ${issue.minimum}${issue.origin === 'array' ? ' item' : ''}`;
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
  lineOf: (path: DocumentPath) => number,
  schemaKeys: (path: DocumentPath) => readonly string[] = () => [],
): Mistake[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path as DocumentPath;
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => {
        const known = schemaKeys(path);
        const expected = known.length > 0 ? `; known here: ${known.join(', ')}` : '';
        return {
          line: lineOf([...path, key]),
          key: keyOf([...path, key]),
          message: `this key is not known${expected}`,
        };
      });
    const found = valueAt(document, path);
    const lead = found === undefined ? 'is missing' : `found ${show(found)}`;
    return [{ line: lineOf(path), key: keyOf(path), message: `${lead}; ${expectation(issue)}` }];
  });
}

/** All mistakes of one file as one error. */
export function invalidConfiguration(origin: string, mistakes: readonly Mistake[]): HoldfastError {
  const lines = [...mistakes]
    .sort((a, b) => a.line - b.line)
    .map(({ line, key, message }) => `  ${origin}:${line}: ${key === '' ? '' : `${key}: `}${message}`);
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return configError('invalid', {
    message: `the configuration has ${count}:\n${lines.join('\n')}`,
    hint: 'Nothing was touched. "holdfast config check" shows the same list; docs/configuration.md has every key.',
    context: { mistakes },
  });
}
