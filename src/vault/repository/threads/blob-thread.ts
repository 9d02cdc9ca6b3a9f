/** What each thread of a pool runs: it takes requests one by one, and answers each. */
import { parentPort } from 'node:worker_threads';
import { HoldfastError, messageOf } from '../../../base/errors.ts';
import { BlobWork } from './blob-work.ts';
import type { Envelope, Introduction, Reply } from './requests.ts';

/** There before the first request: the thread starts, and waits, while the key is derived. */
let work: BlobWork;

function reply({ job, request }: Envelope): Reply {
  try {
    return { job, answer: work.answer(request) };
  } catch (error) {
    return { job, failure: { code: error instanceof HoldfastError ? error.code : '', message: messageOf(error) } };
  }
}

/** Memory that is handed over instead of copied. */
const transferOf = ({ answer }: Reply): ArrayBuffer[] =>
  answer && 'buffers' in answer ? answer.buffers.map(({ buffer }) => buffer) : [];

parentPort?.on('message', (received: Introduction | Envelope) => {
  if ('data' in received) {
    work = new BlobWork(received.data);
    return;
  }
  const message = reply(received);
  parentPort?.postMessage(message, transferOf(message));
});
