import { hostname } from 'node:os';
import type { Command } from 'commander';
import { systemClock, type Clock } from '../base/clock.ts';
import { createLogger, logLevels, type Logger, type LogLevel } from '../base/log.ts';
import type { Environment } from '../config/index.ts';
import { cliError } from './errors.ts';
import { createOutput, type Output, type OutputStreams } from './output.ts';

/** What the program is started with; tests and main.ts hand it in. */
export interface Surroundings {
  readonly streams: OutputStreams;
  readonly environment: Environment;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** For a command that goes on after the first signal: what the second one aborts. */
  readonly waitForSecondSignal: () => AbortSignal;
}

/** What every command works with. */
export interface CliContext extends Surroundings {
  readonly output: Output;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly host: string;
  /** The file that --config, HOLDFAST_CONFIG or BACKUP_CONFIG_PATH names. */
  readonly configPath: string | undefined;
  /** True where a progress line may be drawn. */
  readonly interactive: boolean;
  /** Set to end with another status than 0 without a failure of the whole. */
  setExitStatus(status: number): void;
}

/** The options that every command has. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

function logLevelOf(options: GlobalOptions, environment: Environment): LogLevel {
  const wanted = (options.logLevel ?? environment['HOLDFAST_LOG_LEVEL'] ?? 'warn').toLowerCase();
  const level = logLevels.find((candidate) => candidate === (wanted === 'warning' ? 'warn' : wanted));
  if (level) return level;
  throw cliError('usage', { message: `"${wanted}" is no log level`, hint: `Known: ${logLevels.join(', ')}` });
}

/** Builds the context of one command out of its options. */
export function createContext(
  command: Command,
  surroundings: Surroundings,
  setExitStatus: (status: number) => void,
): CliContext {
  const { streams, environment } = surroundings;
  const options = command.optsWithGlobals<GlobalOptions>();
  const output = createOutput(streams, { json: options.json ?? false, quiet: options.quiet ?? false });
  const logger = createLogger({
    level: logLevelOf(options, environment),
    format: options.logFormat === 'json' ? 'json' : 'text',
    clock: systemClock,
    write: (line) => void streams.stderr.write(`${line}\n`),
  });
  return {
    ...surroundings,
    output,
    logger,
    clock: systemClock,
    host: hostname(),
    configPath: options.config ?? environment['HOLDFAST_CONFIG'] ?? environment['BACKUP_CONFIG_PATH'],
    interactive: streams.stderr.isTTY && !output.json && !output.quiet,
    setExitStatus,
  };
}
