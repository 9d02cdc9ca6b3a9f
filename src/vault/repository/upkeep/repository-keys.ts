import { messageOf } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import { createKeyFile, masterKeyJson, parseKeyFile, type ScryptParams, unlockKeyFile } from '../crypto/key-file.ts';
import { fileKey } from '../layout.ts';
import { readObject, type Repository } from '../repository.ts';
import { withLock } from '../lock/with-lock.ts';

/** A key of a repository: each password has one of its own. */
export interface RepositoryKey {
  readonly id: string;
  readonly username: string;
  readonly hostname: string;
  /** RFC 3339; empty for a damaged key. */
  readonly created: string;
  /** The repository was opened by it. */
  readonly current: boolean;
  /** Why it can't be read, where that is so: no password opens the repository by it. */
  readonly damage?: string;
}

export interface NewKeyOptions {
  readonly password: string;
  /** Written into the key file, for people. */
  readonly host: string;
  readonly user: string;
  readonly kdf?: ScryptParams;
  readonly signal: AbortSignal;
}

/** All keys of a repository, damaged ones too. */
export async function listKeys(repository: Repository, signal: AbortSignal): Promise<RepositoryKey[]> {
  const keys: RepositoryKey[] = [];
  for await (const { id } of repository.list('keys', signal)) {
    const current = id === repository.keyId;
    const bytes = await readObject(repository.store, fileKey('keys', id), signal);
    try {
      const { username = '', hostname = '', created } = parseKeyFile(bytes);
      keys.push({ id, username, hostname, created, current });
    } catch (error) {
      keys.push({ id, username: '', hostname: '', created: '', current, damage: messageOf(error) });
    }
  }
  return keys;
}

/** The key that everything in the repository is sealed with, whatever its passwords: as JSON. Whoever has it needs no password. */
export const masterKeyOf = ({ key }: Repository): string => `${JSON.stringify(masterKeyJson(key), null, 2)}\n`;

/** Adds a password by which the repository can be opened, too. Returns its key's id: it has been read back and opens. */
export async function addKey(repository: Repository, options: NewKeyOptions): Promise<string> {
  return withLock(repository, { exclusive: false, signal: options.signal }, (signal) =>
    storeKey(repository, { ...options, signal }),
  );
}

async function storeKey(repository: Repository, options: NewKeyOptions): Promise<string> {
  const { password, host, user, kdf, signal } = options;
  const { store, key, clock } = repository;
  if (password === '') throw emptyPassword();
  const { id, bytes } = createKeyFile({
    password,
    key,
    username: user,
    hostname: host,
    created: clock.now(),
    ...(kdf && { params: kdf }),
  });
  await store.put(fileKey('keys', id), bytes, { signal });
  const opened = await unlockKeyFile(parseKeyFile(await readObject(store, fileKey('keys', id), signal)), password);
  if (opened && Buffer.from(opened.encrypt).equals(key.encrypt)) return id;
  await store.delete([fileKey('keys', id)]);
  throw vaultError('corrupt', {
    message: 'The new key was not stored as it was written: it is removed again, and the old password holds.',
    hint: 'Look at the health of the store, then try again.',
  });
}

/** Removes a key, whose password then opens nothing. Never the one by which the repository was opened. vault/not-found. */
export async function removeKey(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  if (id === repository.keyId) throw inUse();
  await withLock(repository, { exclusive: true, signal }, async (abort) => {
    if (!(await repository.store.head(fileKey('keys', id), abort))) throw noKey(id);
    await repository.store.delete([fileKey('keys', id)], abort);
  });
}

/** Adds a key for the new password and then removes the one in use. Returns the new one's id. */
export async function changePassword(repository: Repository, options: NewKeyOptions): Promise<string> {
  return withLock(repository, { exclusive: true, signal: options.signal }, async (signal) => {
    const id = await storeKey(repository, { ...options, signal });
    await repository.store.delete([fileKey('keys', repository.keyId)], signal);
    return id;
  });
}

const emptyPassword = (): Error =>
  vaultError('bad-options', {
    message: 'The new password is empty.',
    hint: 'Give one; whoever loses it loses the backups.',
  });

const inUse = (): Error =>
  vaultError('bad-options', {
    message: 'The repository was opened by this key: it can not remove itself.',
    hint: 'Open the repository by another password, or change this one: holdfast key passwd.',
  });

const noKey = (id: string): Error =>
  vaultError('not-found', {
    message: `The repository has no key ${id.slice(0, 8)}.`,
    hint: 'List its keys: holdfast key list.',
    context: { id },
  });
