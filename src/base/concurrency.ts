/** A value that is there, or will be: what is there costs no turn of the event loop. */
export type Soon<Value> = Value | Promise<Value>;

/** What `work` makes of a value, at once where it is there. */
export function whenThere<Value, Result>(value: Soon<Value>, work: (value: Value) => Soon<Result>): Soon<Result> {
  return value instanceof Promise ? value.then(work) : work(value);
}

/**
 * Maps `items` through `work` with at most `concurrency` calls under way, and yields the results in the order of the
 * items. Back-pressure: nothing is started while `concurrency` results wait to be taken. The first failure ends it.
 */
export async function* mapOrdered<In, Out>(
  items: AsyncIterable<In> | Iterable<In>,
  concurrency: number,
  work: (item: In) => Promise<Out>,
): AsyncGenerator<Out, void, undefined> {
  const pending: Promise<Out>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      result.catch(() => {}); // reported below, in order
      pending.push(result);
      if (pending.length >= concurrency) yield await (pending.shift() as Promise<Out>);
    }
    while (pending.length > 0) yield await (pending.shift() as Promise<Out>);
  } finally {
    await Promise.allSettled(pending);
  }
}

/** Calls `work` for each item, at most `concurrency` at once, in any order. The first failure stops new calls. */
export async function forEachConcurrently<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  try {
    for await (const item of items) {
      if (failure) break;
      const task: Promise<void> = work(item).then(
        () => void running.delete(task),
        (error: unknown) => {
          failure ??= { error };
          running.delete(task);
        },
      );
      running.add(task);
      if (running.size >= concurrency) await Promise.race(running);
    }
  } finally {
    await Promise.all(running); // also when the items themselves fail: nothing goes on behind the caller's back
  }
  if (failure) throw failure.error;
}

/** Runs tasks with at most `size` under way; the others wait in the order of their calls. */
export class Semaphore {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(size: number) {
    this.free = size;
  }

  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}
