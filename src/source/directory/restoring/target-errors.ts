import { HoldfastError, messageOf, systemCode } from '../../../base/errors.ts';
import { sourceError } from '../../errors.ts';

const full: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const refused: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP']);

/** What a failed write into `target` means. A HoldfastError, and the reason of an abort, stay what they are. */
export function targetError(target: string, error: unknown, signal: AbortSignal): unknown {
  if (error instanceof HoldfastError || (signal.aborted && error === signal.reason)) return error;
  const code = systemCode(error) ?? '';
  const context = { target };
  if (full.has(code))
    return sourceError('target-full', {
      message: `There is no room left for the restore into ${target}.`,
      hint: 'Free space there or choose another target; what was there before is untouched.',
      context,
      cause: error,
    });
  if (refused.has(code))
    return sourceError('target-not-writable', {
      message: `Nothing can be written to ${target}: ${messageOf(error)}.`,
      hint: 'Choose another target, run as a user who may write there, or mount it writable.',
      context,
      cause: error,
    });
  return sourceError('restore-failed', {
    message: `The restore into ${target} failed: ${messageOf(error)}.`,
    hint: 'What was there before is untouched, unless the message says otherwise.',
    context,
    cause: error,
  });
}
