const slash = 0x2f;

/** Where a node stands in the file system. */
export interface Place {
  /** The absolute path of the directory that it is in. One object for all that is in it: what is asked in a row is cheaper. */
  readonly directory: Buffer;
  /** Its name in latin1, which keeps bytes apart; empty for the directory itself. */
  readonly name: string;
}

export const placeOf = (location: Buffer): Place => ({ directory: location, name: '' });

/** A name as a Place has it. */
export const inLatin1 = (name: string): string => Buffer.from(name).toString('latin1');

/** True where no slash has to stand between the directory and a name in it. */
export const endsInSlash = (directory: Buffer): boolean => directory.at(-1) === slash;

/** The path of what is called `name` (in latin1) in a directory; the name alone where the directory's path is empty. */
export function pathOfName(directory: Buffer, name: string): Buffer {
  const slashes = directory.length === 0 || endsInSlash(directory) ? 0 : 1;
  const path = Buffer.allocUnsafe(directory.length + slashes + name.length);
  path.set(directory);
  if (slashes > 0) path[directory.length] = slash;
  path.write(name, directory.length + slashes, 'latin1');
  return path;
}

/** The absolute path. */
export const locationOf = ({ directory, name }: Place): Buffer =>
  name === '' ? directory : pathOfName(directory, name);
