import type { z } from 'zod';
import { registerConfigurationSecrets } from '../configuration-secrets.ts';
import { expandVariables, lookUpVariable, type Environment } from '../expand-variables.ts';
import type { Configuration } from '../native/configuration.ts';
import { knownKeys } from '../native/known-keys.ts';
import { invalidConfiguration, keyOf, mistakesOf, withoutDerived, type Mistake } from '../mistakes.ts';
import { nativeJobs } from '../native/native-jobs.ts';
import { checkNativeValue } from '../native/native-reader.ts';
import type { NativeDocument } from '../native/native-schema.ts';
import type { DocumentPath } from '../documents/yaml-document.ts';

/** The same document twice: to decide by, and to move texts from. */
export interface View<Data> {
  /** With every variable's value in its place. */
  readonly decided: Data;
  /** Equal to `decided`, or with the references to variables where the document has them. */
  readonly written: Data;
  /** A variable of the environment, as its value or as a reference to it; undefined when it is not set. */
  readonly variable: (name: string) => string | undefined;
  /** The value of a variable of the environment; undefined when it is not set. */
  readonly valueOf: (name: string) => string | undefined;
}

/** One accepted shape of a configuration beside the native one. */
export interface Shape<Data> {
  readonly schema: z.ZodType<Data>;
  /** What no single key shows. The document, its variables expanded, may be wrong in other ways too. */
  readonly check?: (value: unknown, environment: Environment) => readonly Misplaced[];
  /** The same in the native shape. */
  readonly toNative: (view: View<Data>) => NativeDocument;
}

export interface Misplaced {
  readonly path: DocumentPath;
  readonly message: string;
}

/** A document as any reader of files or variables gives it. */
export interface ShapeDocument {
  readonly origin: string;
  readonly value: unknown;
  readonly lineOf: (path: DocumentPath) => number | undefined;
  /** Says of a mistake where it stands, when that is not the document. */
  readonly placeMistake?: (mistake: Mistake) => Mistake;
}

/** A shape's own checks name variables of the environment too, which stand on no line of a file. */
const inEnvironment = (mistake: Mistake): Mistake =>
  mistake.line !== undefined && /^[A-Z][A-Z_]*$/.test(mistake.key)
    ? { origin: 'environment', key: mistake.key, message: mistake.message }
    : mistake;

/** The data with each text that refers to a variable as it is written. */
function withReferences(data: unknown, raw: unknown): unknown {
  if (typeof raw === 'string') return raw.includes('${') ? raw : data;
  if (Array.isArray(data)) return data.map((item, index) => withReferences(item, (raw as unknown[])[index]));
  if (typeof data !== 'object' || data === null) return data;
  const members = (raw ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(data).map(([key, item]) => [key, withReferences(item, members[key])]));
}

/**
 * Reads a document of one shape: checks it by the shape's own schema, in its own words, and turns it into native jobs.
 * Throws config/invalid with every mistake.
 */
export function readShape<Data>(shape: Shape<Data>, document: ShapeDocument, environment: Environment): Configuration {
  const { origin, lineOf, placeMistake = (mistake) => mistake } = document;
  const unset: Mistake[] = [];
  const at = (path: DocumentPath, message: string): Mistake => ({ line: lineOf(path), key: keyOf(path), message });
  const value = expandVariables(document.value, environment, (path, message) => unset.push(at(path, message)));
  registerConfigurationSecrets(value);
  const parsed = shape.schema.safeParse(value);
  const wrong = parsed.success
    ? []
    : mistakesOf(parsed.error, value, lineOf, (path) => knownKeys(shape.schema, value, path));
  const misplaced = (shape.check?.(value, environment) ?? []).map(({ path, message }) => at(path, message));
  const mistakes = withoutDerived(unset, [...wrong, ...misplaced]);
  if (!parsed.success || mistakes.length > 0)
    throw invalidConfiguration(origin, mistakes.map(inEnvironment).map(placeMistake));

  const valueOf = (name: string): string | undefined => lookUpVariable(name, environment);
  const decided = parsed.data;
  const expanded = shape.toNative({ decided, written: decided, variable: valueOf, valueOf });
  const checked = checkNativeValue(expanded, () => lineOf([]));
  if (!checked.data) throw invalidConfiguration(origin, checked.mistakes);
  const native = shape.toNative({
    decided,
    written: withReferences(decided, document.value) as Data,
    variable: (name) => (valueOf(name) === undefined ? undefined : `\${${name}}`),
    valueOf,
  });
  return { origin, ...nativeJobs(checked.data), native };
}

/** A copy of a native document's part without the keys that are undefined. */
export function given(part: Readonly<Record<string, unknown>>): NativeDocument {
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
}
