import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { vaultError } from '../../errors.ts';
import type { Envelope, Introduction, Reply, ThreadAnswers, ThreadData, ThreadRequest } from './requests.ts';

/** As many requests wait at a thread as keep it busy while an answer travels. */
const requestsPerThread = 2;

interface Job extends PromiseWithResolvers<unknown> {
  readonly envelope: Envelope;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

/** Threads that do the work on bytes. Each takes any request; answers come in any order. */
export class ThreadPool {
  private readonly threads: Thread[];
  private readonly queue: Job[] = [];
  private lastJob = 0;
  private failure: { readonly error: unknown } | undefined;

  /** Starts the threads. What they work with is given now, or by `begin`. */
  constructor(data?: ThreadData) {
    this.threads = Array.from({ length: availableParallelism() }, () => this.start());
    if (data) this.begin(data);
  }

  /** To be called once, before the first request. */
  begin(data: ThreadData): void {
    const introduction: Introduction = { data };
    for (const { worker } of this.threads) worker.postMessage(introduction, []);
  }

  /** Rejects when the thread fails on it, or when the pool is closed. */
  run<Op extends ThreadRequest['op']>(request: ThreadRequest & { readonly op: Op }): Promise<ThreadAnswers[Op]> {
    const job: Job = { envelope: { job: (this.lastJob += 1), request }, ...Promise.withResolvers<unknown>() };
    if (this.failure) job.reject(this.failure.error);
    else {
      this.queue.push(job);
      this.dispatch();
    }
    return job.promise as Promise<ThreadAnswers[Op]>;
  }

  /** Ends the threads at once; what is under way rejects. */
  async close(): Promise<void> {
    this.fail(vaultError('closed', { message: 'The repository was closed while a thread worked for it.' }));
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }

  private start(): Thread {
    const file = new URL(import.meta.url.endsWith('.ts') ? './blob-thread.ts' : './blob-thread.js', import.meta.url);
    // FFI is called on purpose (docs/decisions/0004): its warning would stand in every user's output.
    const execArgv = ['--disable-warning=ExperimentalWarning'];
    const worker = new Worker(file, { execArgv, resourceLimits: { maxYoungGenerationSizeMb: 2 } });
    const thread: Thread = { worker, jobs: new Map() };
    worker.on('message', (reply: Reply) => this.settle(thread, reply));
    worker.on('error', (error) => this.fail(error));
    worker.unref();
    return thread;
  }

  private dispatch(): void {
    while (this.queue.length > 0) {
      const idlest = this.threads.reduce((a, b) => (b.jobs.size < a.jobs.size ? b : a));
      if (idlest.jobs.size >= requestsPerThread) return;
      const job = this.queue.shift() as Job;
      // A thread that works must keep the process alive, one that waits must not.
      if (idlest.jobs.size === 0) idlest.worker.ref();
      idlest.jobs.set(job.envelope.job, job);
      idlest.worker.postMessage(job.envelope, []);
    }
  }

  private settle(thread: Thread, { job: number, answer, failure }: Reply): void {
    const job = thread.jobs.get(number);
    if (!job) return; // it was rejected; the thread that is being ended must keep the process alive until it has
    thread.jobs.delete(number);
    if (thread.jobs.size === 0) thread.worker.unref();
    this.dispatch();
    if (failure) job.reject(vaultError('corrupt', { message: failure.message, context: { code: failure.code } }));
    else job.resolve(answer);
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    for (const job of this.queue.splice(0)) job.reject(error);
    for (const { jobs, worker } of this.threads ?? []) {
      for (const job of jobs.values()) job.reject(error);
      jobs.clear();
      worker.unref();
    }
  }
}
