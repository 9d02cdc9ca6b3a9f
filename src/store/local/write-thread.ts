import { parentPort } from 'node:worker_threads';
import { writeFiles, type WriteFailure, type WriteRequest } from './write-files.ts';

/** What became of a request; its memory comes back with it. */
export interface WriteAnswer {
  readonly failures: readonly WriteFailure[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

parentPort?.on('message', (request: WriteRequest & { readonly bytes: Uint8Array<ArrayBuffer> }) => {
  const answer: WriteAnswer = { failures: writeFiles(request), bytes: request.bytes };
  parentPort?.postMessage(answer, [answer.bytes.buffer]);
});
