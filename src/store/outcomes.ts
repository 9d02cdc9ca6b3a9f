import { storeError } from './errors.ts';
import type { HoldfastError } from '../base/errors.ts';

/** The refusals that all drivers word alike. */

export function notFound(key: string, cause?: unknown): HoldfastError {
  return storeError('not-found', {
    message: `There is no object "${key}"`,
    hint: 'It was deleted, or the address (bucket, prefix, path) is another one than when it was written.',
    context: { key },
    cause,
  });
}

export function alreadyExists(key: string, cause?: unknown): HoldfastError {
  return storeError('already-exists', {
    message: `There already is an object "${key}"`,
    hint: 'Another run may have written it at the same time.',
    context: { key },
    cause,
  });
}

export function changed(key: string, cause?: unknown): HoldfastError {
  return storeError('changed', {
    message: `The object "${key}" was changed or deleted by someone else`,
    hint: 'Another run may be at work in the same store. Try again when it has ended.',
    context: { key },
    cause,
  });
}

/** `announced` and `received` count bytes. */
export function shortRead(key: string, announced: number, received: number): HoldfastError {
  return storeError('short-read', {
    message: `"${key}" ended after ${received} of ${announced} bytes`,
    hint: 'The connection broke, or something between here and the store cuts answers short. It is tried again.',
    retryable: true,
    context: { key, announced, received },
  });
}
