import { danglingNames } from './dangling-names.ts';
import { expandVariables, type Environment } from '../expand-variables.ts';
import type { Configuration } from './configuration.ts';
import { knownKeys } from './known-keys.ts';
import { invalidConfiguration, keyOf, mistakesOf, withoutDerived, type Mistake } from '../mistakes.ts';
import { nativeJobs } from './native-jobs.ts';
import { nativeSchema, type NativeConfiguration, type NativeDocument } from './native-schema.ts';
import { registerConfigurationSecrets } from '../configuration-secrets.ts';
import { unavailableParts } from './unavailable.ts';
import type { DocumentPath, YamlDocument } from '../documents/yaml-document.ts';

/** What a document in the native shape says, its variables expanded, or every mistake in it. */
export function checkNativeValue(
  value: unknown,
  lineOf: (path: DocumentPath) => number | undefined,
): { readonly data?: NativeConfiguration; readonly mistakes: readonly Mistake[] } {
  const parsed = nativeSchema.safeParse(value);
  const refused = unavailableParts(value, lineOf);
  const schema = parsed.success
    ? []
    : mistakesOf(parsed.error, value, lineOf, (path) => knownKeys(nativeSchema, value, path));
  const mistakes = [
    ...refused,
    ...schema.filter(({ key }) => !refused.some((known) => known.key === key)),
    ...danglingNames(value, lineOf),
  ];
  return parsed.success && mistakes.length === 0 ? { data: parsed.data, mistakes } : { mistakes };
}

/**
 * Reads a parsed document in the native shape. `origin` is the file's name for messages; `environment` fills the
 * variables. Throws config/invalid with every mistake and its line; nothing else happens then.
 */
export function readNativeDocument(document: YamlDocument, origin: string, environment: Environment): Configuration {
  const unset: Mistake[] = [];
  const value = expandVariables(document.value, environment, (path, message) =>
    unset.push({ line: document.lineOf(path), key: keyOf(path), message }),
  );
  registerConfigurationSecrets(value);
  const { data, mistakes } = checkNativeValue(value, document.lineOf);
  if (!data || unset.length > 0) throw invalidConfiguration(origin, withoutDerived(unset, mistakes));
  return { origin, ...nativeJobs(data), native: document.value as NativeDocument };
}
