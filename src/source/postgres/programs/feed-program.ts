import type { RunningProgram } from './run-program.ts';

/** Writes `bytes` to a program and waits until it has taken them; false when it takes no more. */
export function writeTo(program: RunningProgram, bytes: Uint8Array): Promise<boolean> {
  const { stdin } = program;
  if (stdin.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => stdin.write(bytes, (error) => resolve(!error)));
}

/**
 * Gives a program all of `content`, then the end of its input. A program that stops to read earlier is no failure here,
 * and the content is read to its end all the same, unless `stop` says otherwise: only then is it known to be sound.
 */
export async function feed(
  program: RunningProgram,
  content: AsyncIterable<Uint8Array>,
  stop: AbortSignal,
): Promise<void> {
  let taking = true;
  for await (const chunk of content) {
    if (taking) taking = await writeTo(program, chunk);
    if (stop.aborted) break;
  }
  program.stdin.end();
}
