import type { VaultUse, Configuration, Job } from './job.ts';
import { expandVariables, type Environment } from './expand-variables.ts';
import { invalidConfiguration, keyOf, mistakesOf, type Mistake } from './mistakes.ts';
import { nativeSchema, type NativeConfiguration } from './native-schema.ts';
import { registerConfigurationSecrets } from './configuration-secrets.ts';
import { readYamlDocument, type DocumentPath } from './yaml-document.ts';

type Names = Readonly<Record<string, unknown>>;

const namesIn = (value: unknown): Names => (typeof value === 'object' && value !== null ? (value as Names) : {});

/** Names that point nowhere: a vault's store, a job's vaults. Looks at a document that may be wrong in other ways too. */
function danglingNames(document: unknown, lineOf: (path: DocumentPath) => number): Mistake[] {
  const { stores, vaults, jobs } = namesIn(document);
  const mistakes: Mistake[] = [];
  const check = (path: DocumentPath, name: unknown, kind: string, known: Names): void => {
    if (typeof name !== 'string' || Object.hasOwn(known, name)) return;
    const names = Object.keys(known).map((key) => JSON.stringify(key));
    const expected = names.length === 0 ? `no ${kind} is defined` : `expected one of the ${kind}s: ${names.join(', ')}`;
    mistakes.push({ line: lineOf(path), key: keyOf(path), message: `found ${JSON.stringify(name)}; ${expected}` });
  };
  for (const [name, vault] of Object.entries(namesIn(vaults)))
    check(['vaults', name, 'store'], namesIn(vault)['store'], 'store', namesIn(stores));
  for (const [name, job] of Object.entries(namesIn(jobs)))
    for (const [index, vault] of Object.entries(namesIn(namesIn(job)['vaults'])))
      check(['jobs', name, 'vaults', Number(index)], vault, 'vault', namesIn(vaults));
  return mistakes;
}

function vaultUses(configuration: NativeConfiguration): VaultUse[] {
  return Object.entries(configuration.vaults).map(([name, { store, ...spec }]) => ({
    name,
    spec,
    store: configuration.stores[store] as VaultUse['store'],
  }));
}

/**
 * Reads the native shape. `origin` is the file's name for messages; `environment` fills the variables.
 * Throws config/invalid with every mistake and its line; nothing else happens then.
 */
export function readNativeConfiguration(text: string, origin: string, environment: Environment): Configuration {
  const document = readYamlDocument(text);
  const syntax = document.mistakes.map(({ line, message }) => ({ line, key: '', message }));
  if (syntax.length > 0) throw invalidConfiguration(origin, syntax);

  const mistakes: Mistake[] = [];
  const value = expandVariables(document.value, environment, (path, message) =>
    mistakes.push({ line: document.lineOf(path), key: keyOf(path), message }),
  );
  registerConfigurationSecrets(value);
  const parsed = nativeSchema.safeParse(value);
  if (!parsed.success) mistakes.push(...mistakesOf(parsed.error, value, document.lineOf));
  mistakes.push(...danglingNames(value, document.lineOf));
  if (!parsed.success || mistakes.length > 0) throw invalidConfiguration(origin, mistakes);

  const vaults = vaultUses(parsed.data);
  const jobs = Object.entries(parsed.data.jobs).map(([name, job]): Job => ({
    name,
    sources: job.sources,
    vaults: job.vaults.map((vault) => vaults.find((use) => use.name === vault) as VaultUse),
    tags: job.tags ?? [],
    limits: job.limits ?? {},
  }));
  return { origin, jobs, vaults };
}
