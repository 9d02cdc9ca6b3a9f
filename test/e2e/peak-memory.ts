import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runHoldfast, type EndedHoldfast, type HoldfastOptions } from './holdfast.ts';

/** Runs in the program's own process and writes down, as it ends, how much memory it ever had: nobody has to poll. */
const recorder = `
import { readFileSync, writeFileSync } from 'node:fs';
process.on('exit', () => writeFileSync(process.env.PEAK_MEMORY_FILE, readFileSync('/proc/self/status')));
`;

/** Runs the command line, and tells the most resident memory that it had (VmHWM). */
export async function runWithPeakMemory(
  args: readonly string[],
  options: HoldfastOptions = {},
): Promise<EndedHoldfast & { readonly peakBytes: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'hf-peak-'));
  try {
    const [script, report] = [join(folder, 'recorder.mjs'), join(folder, 'status')];
    await writeFile(script, recorder);
    const env = {
      ...options.env,
      NODE_OPTIONS: `--import=${pathToFileURL(script).href}`,
      PEAK_MEMORY_FILE: report,
    };
    const result = await runHoldfast(args, { ...options, env });
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(report, 'utf8')) ?? [];
    return { ...result, peakBytes: Number(kilobytes) * 1024 };
  } finally {
    await rm(folder, { recursive: true });
  }
}
