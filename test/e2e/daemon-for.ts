import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startHoldfast, type RunningHoldfast } from './holdfast.ts';

/** Starts a command that goes on until it is told to stop; one that a failed test leaves behind is killed. */
export function daemonFor(t: TestContext, ...args: Parameters<typeof startHoldfast>): RunningHoldfast {
  const daemon = startHoldfast(...args);
  t.after(async () => {
    daemon.kill('SIGKILL');
    await daemon.ended;
  });
  return daemon;
}

/** Waits, five minutes at the most, for something that is looked at from outside. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3000; tries += 1) {
    if (await holds()) return;
    await delay(100);
  }
  throw new Error(`never came true: ${what}`);
}

/** Waits until a process has taken a signal that it was sent: another of the same kind that comes before is lost. */
export async function untilTaken(pid: number, signal: NodeJS.Signals): Promise<void> {
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  await until(`${signal} is taken`, async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const [, pending = '0'] = /^ShdPnd:\t(\w+)$/m.exec(status) ?? [];
    return (BigInt(`0x${pending}`) & bit) === 0n;
  });
}
