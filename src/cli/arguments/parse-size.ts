import { InvalidArgumentError } from 'commander';
import { GiB, KiB, MiB } from '../../base/bytes.ts';

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: KiB, m: MiB, g: GiB, t: 1024 * GiB };

/** "500M", "2G", "100": bytes, as an option's argument. */
export function parseSize(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  if (amount !== '') return Math.floor(Number(amount) * (units[unit.toLowerCase()] ?? 1));
  throw new InvalidArgumentError('A size such as 500M or 2G is expected.');
}
