/** A thread that writes small files beside the reading: most of that is the file system's work. */
import { parentPort, workerData } from 'node:worker_threads';
import { readSmallFiles, type SmallFileBatch, type SmallFileFailure } from './small-file-batch.ts';
import { createSmallFile } from './create-small-file.ts';

const slots = workerData as readonly SharedArrayBuffer[];

function writeAll({ slot, count }: SmallFileBatch): SmallFileFailure | undefined {
  let at = 0;
  try {
    for (const file of readSmallFiles(slots[slot] as SharedArrayBuffer, count)) {
      createSmallFile(file);
      at += 1;
    }
    return undefined;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    return { at, code, message };
  }
}

parentPort?.on('message', (batch: SmallFileBatch) => parentPort?.postMessage(writeAll(batch), []));
