/**
 * The dependency rules of the house. Each folder of src/ (the first pattern that matches a file wins) may import
 * from itself and from what is listed behind it, and from nothing else. A layer is entered through its index.ts.
 * Siblings never import each other. Type imports count; cycles are errors.
 * `packages` names the only places where a vendor's package may appear.
 */
export const layers: readonly { readonly folder: string; readonly mayImport: readonly string[] }[] = [
  { folder: 'base', mayImport: [] },

  { folder: 'store/open-store.ts', mayImport: ['base', 'store', 'store/s3', 'store/local', 'store/memory'] },
  { folder: 'store/index.ts', mayImport: ['store', 'store/open-store.ts', 'store/memory'] },
  { folder: 'store/s3', mayImport: ['base', 'store'] },
  { folder: 'store/local', mayImport: ['base', 'store'] },
  { folder: 'store/memory', mayImport: ['base', 'store'] },
  { folder: 'store', mayImport: ['base'] },

  {
    folder: 'source/open-sources.ts',
    mayImport: ['base', 'source', 'source/directory', 'source/postgres', 'source/command'],
  },
  { folder: 'source/known-source.ts', mayImport: ['source', 'source/open-sources.ts', 'source/postgres'] },
  {
    folder: 'source/index.ts',
    mayImport: [
      'source',
      'source/open-sources.ts',
      'source/known-source.ts',
      'source/directory',
      'source/postgres',
      'source/command',
    ],
  },
  { folder: 'source/directory', mayImport: ['base', 'source'] },
  { folder: 'source/postgres', mayImport: ['base', 'source'] },
  { folder: 'source/command', mayImport: ['base', 'source'] },
  { folder: 'source', mayImport: ['base'] },

  {
    folder: 'vault/open-vault.ts',
    mayImport: [
      'base',
      'store/index.ts',
      'source/index.ts',
      'vault',
      'vault/archive',
      'vault/mirror',
      'vault/repository',
    ],
  },
  { folder: 'vault/planned-key.ts', mayImport: ['vault', 'vault/open-vault.ts', 'vault/archive'] },
  { folder: 'vault/open-tar.ts', mayImport: ['source/index.ts', 'vault', 'vault/archive'] },
  {
    folder: 'vault/index.ts',
    mayImport: ['vault', 'vault/open-vault.ts', 'vault/open-tar.ts', 'vault/planned-key.ts'],
  },
  { folder: 'vault/archive', mayImport: ['base', 'store/index.ts', 'source/index.ts', 'vault'] },
  { folder: 'vault/mirror', mayImport: ['base', 'store/index.ts', 'source/index.ts', 'vault'] },
  { folder: 'vault/repository', mayImport: ['base', 'store/index.ts', 'source/index.ts', 'vault'] },
  { folder: 'vault', mayImport: ['base', 'store/index.ts', 'source/index.ts'] },

  { folder: 'engine', mayImport: ['base', 'store/index.ts', 'source/index.ts', 'vault/index.ts'] },
  {
    folder: 'config',
    mayImport: ['base', 'store/index.ts', 'source/index.ts', 'vault/index.ts', 'engine'],
  },
  {
    folder: 'jobs',
    mayImport: ['base', 'store/index.ts', 'source/index.ts', 'vault/index.ts', 'engine', 'config'],
  },
  {
    folder: 'cli',
    mayImport: ['base', 'store/index.ts', 'source/index.ts', 'vault/index.ts', 'engine', 'config', 'jobs'],
  },
  { folder: 'main.ts', mayImport: ['base', 'cli'] },
];

/** A package and the folders that may import it; a package that is not listed may be imported nowhere in src/. */
export const packages: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-s3': ['store/s3'],
  'age-encryption': ['vault/archive'],
  commander: ['cli'],
  croner: ['config'],
  pg: ['source/postgres'],
  yaml: ['config'],
  zod: ['config'],
};
