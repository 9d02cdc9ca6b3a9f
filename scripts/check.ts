/** npm run check: format, lint, layers, types and unit tests, side by side; needs no service. Prints what failed. */
import { spawn } from 'node:child_process';

const steps = ['format', 'lint', 'layers', 'types', 'unit'];

async function run(step: string): Promise<boolean> {
  const started = performance.now();
  const child = spawn('npm', ['run', '--silent', `check:${step}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${step} (${seconds} s)`);
  if (status !== 0) console.log(output);
  return status === 0;
}

const results = await Promise.all(steps.map(run));
process.exitCode = results.every(Boolean) ? 0 : 1;
