import type { Clock } from '../base/clock.ts';
import { formatBytes } from '../base/bytes.ts';

/** How much is done, and, once known, how much there is. */
export interface Amount {
  readonly files: number;
  readonly bytes: number;
}

const intervalMs = 200;
const barWidth = 20;

function bar(done: number, total: number): string {
  const share = Math.min(1, done / total);
  const filled = Math.round(share * barWidth);
  return `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}] ${Math.floor(share * 100)
    .toString()
    .padStart(3)} %`;
}

function timeLeft(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} left`;
}

/** One line of progress: bar, files, bytes, rate, time left; what is not known yet is left out. */
export function formatProgress(name: string, done: Amount, total: Amount | undefined, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? done.bytes / (elapsedMs / 1000) : 0;
  const known = total !== undefined && total.bytes > 0;
  return [
    name,
    ...(known ? [bar(done.bytes, total.bytes)] : []),
    `${done.files}${total && total.files > 0 ? `/${total.files}` : ''} files`,
    `${formatBytes(done.bytes)}${known ? ` of ${formatBytes(total.bytes)}` : ''}`,
    `${formatBytes(Math.round(rate))}/s`,
    ...(known && rate > 0 && elapsedMs > 2000 ? [timeLeft((total.bytes - done.bytes) / rate)] : []),
  ].join('  ');
}

export interface ProgressLine {
  update(name: string, done: Amount, total?: Amount): void;
  /** Wipes the line; another update draws it again. */
  clear(): void;
}

/** Draws progress on one line of a terminal, a few times a second. */
export function createProgressLine(stream: NodeJS.WriteStream, clock: Clock): ProgressLine {
  let current = '';
  let startedMs = 0;
  let drawnMs = -Infinity;
  let drawn = false;
  return {
    update: (name, done, total) => {
      const nowMs = clock.monotonicMs();
      if (name !== current) {
        current = name;
        startedMs = nowMs;
      }
      if (nowMs - drawnMs < intervalMs) return;
      drawnMs = nowMs;
      drawn = true;
      const text = formatProgress(name, done, total, nowMs - startedMs).slice(0, (stream.columns || 80) - 1);
      stream.write(`\r\u001b[K${text}`);
    },
    clear: () => {
      if (drawn) stream.write('\r\u001b[K');
      drawn = false;
      drawnMs = -Infinity;
    },
  };
}

/** A progress line that draws nothing: where there is no terminal. */
export const noProgressLine: ProgressLine = { update() {}, clear() {} };
