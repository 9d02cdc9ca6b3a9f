import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { realFolder, writeObject, type WrittenFile } from './write-object.ts';

/** Files to write, with their contents one behind the other in `bytes`. */
export interface WriteRequest {
  readonly temporaryPrefix: string;
  readonly files: readonly string[];
  /** Where the folder of each file has to be, really. */
  readonly folders: readonly string[];
  readonly sizes: readonly number[];
  readonly bytes: Uint8Array;
}

/** What became of one file: written, or the system's error, or its folder is elsewhere. */
export type WriteOutcome =
  | { readonly written: WrittenFile }
  | { readonly code: string; readonly message: string }
  | { readonly leadsTo: string };

type FolderCheck = { readonly leadsTo: string } | undefined;

/** Folders are looked at once for each request: it is done within milliseconds. */
function folderCheck(): (folder: string, expected: string) => FolderCheck {
  const checked = new Map<string, FolderCheck>();
  return (folder, expected) => {
    if (checked.has(folder)) return checked.get(folder);
    const real = realFolder(folder);
    const result = real === expected ? undefined : { leadsTo: real };
    checked.set(folder, result);
    return result;
  };
}

function writeAll({ temporaryPrefix, files, folders, sizes, bytes }: WriteRequest): WriteOutcome[] {
  const check = folderCheck();
  let offset = 0;
  return files.map((file, index) => {
    const content = bytes.subarray(offset, (offset += sizes[index] ?? 0));
    try {
      return check(dirname(file), folders[index] ?? '') ?? { written: writeObject(file, content, temporaryPrefix) };
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      return { code, message };
    }
  });
}

parentPort?.on('message', (request: WriteRequest) => parentPort?.postMessage(writeAll(request), []));
