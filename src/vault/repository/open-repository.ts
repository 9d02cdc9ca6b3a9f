import { randomBytes } from 'node:crypto';
import { hasCode } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import { openCachedFiles } from './cache/cached-files.ts';
import { CachedStore } from './cache/cached-store.ts';
import { randomPolynomial } from './chunker/polynomial.ts';
import { createKeyFile, parseKeyFile, type ScryptParams, unlockKeyFile } from './crypto/key-file.ts';
import { open, randomSealingKey, seal, type SealingKey } from './crypto/sealing-key.ts';
import { decodeConfig, encodeConfig, type RepositoryConfig } from './format/config-file.ts';
import { configKey, fileKey, idOfKey, ownFolder } from './layout.ts';
import { readObject, Repository } from './repository.ts';

export interface OpenRepositoryOptions {
  readonly store: ObjectStore;
  readonly password: string;
  /** The beginning of the id of the key that is tried first. */
  readonly keyHint?: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Where metadata is kept on this machine, below the repository's id; nowhere unless given. */
  readonly cacheDir?: string | undefined;
}

export interface CreateRepositoryOptions extends OpenRepositoryOptions {
  /** Written into the key file, for people. */
  readonly host: string;
  readonly user: string;
  /** restic's format version. Default: 2. */
  readonly version?: 1 | 2;
  /** The chunker's polynomial; of another repository, so that both cut alike. A new one unless given. */
  readonly chunkerPolynomial?: bigint;
  /** What a guess of the password costs. Default: a third of a second. */
  readonly kdf?: ScryptParams;
}

interface FoundKey {
  readonly id: string;
  readonly key: SealingKey;
}

/** True when bytes were sealed with the key and not changed since. */
function opens(key: SealingKey, sealed: Buffer): boolean {
  try {
    return open(key, sealed).length > 0;
  } catch {
    return false;
  }
}

/** The key files, the one that a hint names before the others. A hint that names none or several says nothing. */
async function keysToTry({ store, keyHint, signal }: OpenRepositoryOptions): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list({ prefix: 'keys/', signal }))
    if (idOfKey('keys', key) !== undefined) keys.push(key);
  const [hinted, another] = keyHint ? keys.filter((key) => key.startsWith(fileKey('keys', keyHint))) : [];
  return hinted === undefined || another !== undefined ? keys : [hinted, ...keys.filter((key) => key !== hinted)];
}

/**
 * Tries a password on every key that can be read: a damaged one is in nobody's way. One that opens another config than this
 * one was left by somebody who was making the repository at the same time; when no other is found either, it is the config
 * that is damaged.
 */
async function findKey(options: OpenRepositoryOptions, sealedConfig?: Promise<Buffer>): Promise<FoundKey> {
  const { store, password, signal } = options;
  let unlocked: FoundKey | undefined;
  const damaged: unknown[] = [];
  const keys = await keysToTry(options);
  for (const storeKey of keys) {
    const id = idOfKey('keys', storeKey) ?? '';
    try {
      const key = await unlockKeyFile(parseKeyFile(await readObject(store, storeKey, signal)), password);
      if (key) unlocked = { id, key };
      if (key && (!sealedConfig || opens(key, await sealedConfig))) break;
    } catch (error) {
      if (!hasCode(error, 'vault/corrupt')) throw error;
      damaged.push(error);
    }
  }
  if (unlocked) return unlocked;
  if (keys.length === 0) throw absent(store);
  if (damaged.length === keys.length) throw damaged[0];
  throw vaultError('wrong-key', {
    message: `The password opens none of the ${keys.length} keys of the repository ${store.label}${damaged.length > 0 ? `, of which ${damaged.length} can't be read` : ''}.`,
    hint: 'Give the password by RESTIC_PASSWORD, --password-file or the vault\'s "password"; without it nothing can be read.',
  });
}

/** The store as it is, or with copies on this machine of what every run reads. */
async function storesOf(
  { store, cacheDir, clock }: OpenRepositoryOptions,
  { id }: RepositoryConfig,
): Promise<{ readonly store: ObjectStore; readonly treeStore?: ObjectStore }> {
  const files = cacheDir === undefined ? undefined : await openCachedFiles(cacheDir, id, clock);
  if (!files) return { store };
  return {
    store: new CachedStore(store, files, ['index', 'snapshots']),
    treeStore: new CachedStore(store, files, ['data']),
  };
}

/** Opens a repository. vault/no-repository, vault/wrong-key, vault/newer-format, vault/corrupt. */
export async function openRepository(options: OpenRepositoryOptions): Promise<Repository> {
  const { store, clock, logger, signal } = options;
  const sealedConfig = readObject(store, configKey, signal).catch((error: unknown) => {
    throw hasCode(error, 'vault/missing-object') ? absent(store) : error;
  });
  sealedConfig.catch(() => {}); // keys are looked for meanwhile; where there is no config, that is what to tell
  const { id, key } = await findKey(options, sealedConfig).catch(async (error: unknown) => {
    await sealedConfig;
    throw error;
  });
  const config = decodeConfig(open(key, await sealedConfig));
  return new Repository({ ...(await storesOf(options, config)), key, keyId: id, config, clock, logger });
}

/** A key that was left where a repository should have been made, else a new one. */
async function keyForNew(options: CreateRepositoryOptions): Promise<FoundKey> {
  const { store, password, clock, signal, host, user, kdf } = options;
  try {
    return await findKey(options);
  } catch (error) {
    if (!hasCode(error, 'vault/no-repository', 'vault/wrong-key', 'vault/corrupt')) throw error;
  }
  const key = randomSealingKey();
  const owner = { username: user, hostname: host, created: clock.now() };
  const { id, bytes } = createKeyFile({ password, key, ...owner, ...(kdf && { params: kdf }) });
  await store.put(fileKey('keys', id), bytes, { signal });
  return { id, key };
}

/** Stores the config unless there is one: of two who make a repository at once, one must give way to the other. */
async function putConfig({ store, signal }: OpenRepositoryOptions, { id, key }: FoundKey, json: string): Promise<void> {
  const sealed = seal(key, Buffer.from(json));
  try {
    await store.put(configKey, sealed, { ifAbsent: true, signal });
  } catch (error) {
    if (hasCode(error, 'store/unsupported')) await store.put(configKey, sealed, { signal });
    else if (!hasCode(error, 'store/already-exists')) throw error;
    else if (!opens(key, await readObject(store, configKey, signal))) {
      await store.delete([fileKey('keys', id)], signal); // restic would stumble over it
      throw taken(store);
    } else throw taken(store);
  }
}

/** Makes a repository and opens it. vault/name-taken when there is one already; nothing of it is touched then. */
export async function createRepository(options: CreateRepositoryOptions): Promise<Repository> {
  const { store, clock, logger, signal } = options;
  if (await store.head(configKey, signal)) throw taken(store);
  const found = await keyForNew(options);
  const config: RepositoryConfig = {
    version: options.version ?? 2,
    id: randomBytes(32).toString('hex'),
    chunkerPolynomial: options.chunkerPolynomial ?? randomPolynomial(),
  };
  await putConfig(options, found, encodeConfig(config));
  return new Repository({
    ...(await storesOf(options, config)),
    key: found.key,
    keyId: found.id,
    config,
    clock,
    logger,
  });
}

/** Opens a repository, or makes it where the store holds nothing but keys of one that was never finished. */
export async function openOrCreateRepository(options: CreateRepositoryOptions): Promise<Repository> {
  const { store, signal, logger } = options;
  try {
    return await openRepository(options);
  } catch (error) {
    if (!hasCode(error, 'vault/no-repository')) throw error;
  }
  try {
    for await (const { key } of store.list({ signal }))
      if (key !== configKey && idOfKey('keys', key) === undefined && !key.startsWith(ownFolder))
        throw notEmpty(store, key);
    const created = await createRepository(options);
    logger.info(`Made a new repository in ${store.label}.`);
    return created;
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!hasCode(error, 'vault/name-taken', 'vault/no-repository')) throw error;
    if (!(await store.head(configKey, signal))) throw error;
    return openRepository(options);
  }
}

const absent = (store: ObjectStore): Error =>
  vaultError('no-repository', {
    message: `There is no repository in ${store.label}.`,
    hint: 'Correct the address, mount the disk, or make a repository there: holdfast repo init -r ADDRESS.',
  });

const taken = (store: ObjectStore): Error =>
  vaultError('name-taken', {
    message: `There is a repository in ${store.label} already.`,
    hint: 'Use it as it is, or choose another place for the new one.',
  });

const notEmpty = (store: ObjectStore, key: string): Error =>
  vaultError('no-repository', {
    message: `There is no repository in ${store.label}, but other things are, such as "${key}".`,
    hint: 'Give the repository a place of its own, or make it on purpose: holdfast repo init -r ADDRESS.',
    context: { key },
  });
