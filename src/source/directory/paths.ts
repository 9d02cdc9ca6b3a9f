const separator = Buffer.from('/');

/** `directory/name`; just the name within the root, whose path is empty. */
export function joinPath(directory: Buffer, name: Buffer): Buffer {
  return directory.length === 0 ? name : Buffer.concat([directory, separator, name]);
}

/** The file system's path of `path` below `root`. */
export function pathBelow(root: Buffer, path: Buffer): Buffer {
  if (path.length === 0) return root;
  return root.length === 1 && root[0] === 0x2f ? Buffer.concat([root, path]) : Buffer.concat([root, separator, path]);
}

/** Whether `path` is in `folder` or deeper; all but the root itself is in the root. */
export function isBelow(path: Buffer, folder: Buffer): boolean {
  if (folder.length === 0) return path.length > 0;
  return path.length > folder.length && path[folder.length] === 0x2f && path.subarray(0, folder.length).equals(folder);
}

/** The path of the directory that holds `path`; empty for what is in the root. */
export function parentPath(path: Buffer): Buffer {
  return path.subarray(0, Math.max(0, path.lastIndexOf(0x2f)));
}

/** A path for people: control characters and bytes that are not UTF-8 are shown as \xNN, a backslash as two. */
export function showPath(path: Buffer): string {
  const text = path.toString('utf8');
  const valid = Buffer.from(text, 'utf8').equals(path);
  return (valid ? text : path.toString('latin1')).replace(
    valid ? /[\\\u0000-\u001f\u007f]/g : /[\\\u0000-\u001f\u007f-\u00ff]/g,
    (character) => (character === '\\' ? '\\\\' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`),
  );
}
