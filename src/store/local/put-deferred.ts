import { dirname } from 'node:path';
import type { HoldfastError } from '../../base/errors.ts';
import type { NewObject } from '../object-store.ts';
import { localError } from './local-errors.ts';
import { leadsAway, type StoreFolder } from './store-folder.ts';
import type { WriteFailure } from './write-files.ts';

/** Why an object was not written; `isRace` where its folder was removed between making and using it. */
export interface PutFailure {
  readonly error: HoldfastError;
  readonly isRace: boolean;
}

function describe(file: string, { code, message, leadsTo }: WriteFailure): PutFailure {
  const cause = Object.assign(new Error(message), { code });
  const error =
    leadsTo === undefined ? localError({ act: 'write', path: file }, cause) : leadsAway(dirname(file), leadsTo);
  return { error, isRace: code === 'ENOENT' };
}

/** Writes small objects for `sync` to make durable. Returns what failed, by the place in `objects`. */
export async function putDeferred(
  folder: StoreFolder,
  objects: readonly NewObject[],
): Promise<ReadonlyMap<number, PutFailure>> {
  const failed = new Map<number, PutFailure>();
  const places: number[] = [];
  const files: NewObject[] = [];
  for (const [place, object] of objects.entries()) {
    try {
      folder.pathOf(object.key);
      places.push(place);
      files.push(object);
    } catch (error) {
      failed.set(place, { error: error as HoldfastError, isRace: false });
    }
  }
  try {
    for (const failure of await folder.writeDeferred(files)) {
      const place = places[failure.index] as number;
      failed.set(place, describe(folder.pathOf(objects[place]?.key ?? ''), failure));
    }
  } catch (cause) {
    const error = localError({ act: 'write', path: folder.path }, cause);
    for (const place of places) failed.set(place, { error, isRace: false });
  }
  return failed;
}
