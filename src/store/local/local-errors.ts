import { HoldfastError, messageOf, systemCode } from '../../base/errors.ts';
import { storeError } from '../errors.ts';

/** What was being done, for the message: "write", "read" … and the file it was done to. */
export interface Attempt {
  readonly act: string;
  readonly path: string;
}

type Maker = (attempt: Attempt, cause: unknown) => HoldfastError;

const make =
  (reason: Parameters<typeof storeError>[0], why: string, hint: string, retryable = false): Maker =>
  ({ act, path }, cause) =>
    storeError(reason, { message: `Can't ${act} ${path}: ${why}`, hint, retryable, context: { path }, cause });

const denied = make(
  'access-denied',
  'permission denied',
  'Give the user that runs Holdfast the right to read and write this folder.',
);
const full = make('full', 'the disk is full', 'Free some space, forget old restore points, or use a larger disk.');
const quota = make('full', 'the disk quota is used up', 'Raise the quota, or forget old restore points.');
const readOnly = make(
  'read-only',
  'the file system is read-only',
  'Mount it writable; after a disk error Linux makes it read-only, then look at the kernel log (dmesg).',
);
const tooMany = make('unavailable', 'too many files are open', 'Raise the limit (ulimit -n).', true);
const inTheWay = make(
  'unsupported',
  'a folder is where a file should be, or a file where a folder should be',
  'In a folder "a" and "a/b" can\'t both be objects. Use another prefix.',
);
const busy = make('unavailable', 'it is busy', 'It is tried again.', true);

/** Node's code of a failed system call -> what it means for a store. */
const table: Readonly<Record<string, Maker>> = {
  ENOSPC: full,
  EDQUOT: quota,
  EFBIG: make('too-large', "the file system can't hold a file of this size", 'Use another file system.'),
  EROFS: readOnly,
  EACCES: denied,
  EPERM: denied,
  EMFILE: tooMany,
  ENFILE: tooMany,
  EISDIR: inTheWay,
  ENOTDIR: inTheWay,
  ENOTEMPTY: inTheWay,
  EBUSY: busy,
  EAGAIN: busy,
  ETXTBSY: busy,
  ESTALE: make('unavailable', 'the network file system lost it', 'It is tried again.', true),
  ENAMETOOLONG: make('bad-key', 'a part of its name is too long', 'A segment may have 255 bytes. Use another prefix.'),
  ELOOP: make('bad-key', 'it is a symbolic link', "Remove the link: objects never lead out of the store's folder."),
  EIO: make('failed', 'the disk reports an error', 'Look at the kernel log (dmesg); the disk may be dying.'),
};

/** A failed system call as an error of the store. What is a HoldfastError already stays as it is. */
export function localError(attempt: Attempt, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const known = table[systemCode(cause) ?? ''];
  if (known !== undefined) return known(attempt, cause);
  return storeError('failed', {
    message: `Can't ${attempt.act} ${attempt.path}: ${messageOf(cause)}`,
    hint: 'The operating system refused it; see the reason in the message.',
    context: { path: attempt.path },
    cause,
  });
}

/** Runs `work`; what the system refuses comes out as an error of the store, what a signal ends as its reason. */
export async function attempt<Result>(what: Attempt, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw systemCode(error)?.startsWith('E') === true ? localError(what, error) : error;
  }
}
