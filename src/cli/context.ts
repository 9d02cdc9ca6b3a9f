import { hostname } from 'node:os';
import type { Command } from 'commander';
import { systemClock, type Clock } from '../base/clock.ts';
import { createLogger, logLevels, type Logger, type LogLevel } from '../base/log.ts';
import type { Environment } from '../config/index.ts';
import type { Limits } from '../store/index.ts';
import { cliError } from './errors.ts';
import { cacheFolder, type GlobalOptions, limitsOf } from './global-options.ts';
import { createOutput, type Output, type OutputStreams } from './output.ts';

/** What the program is started with; tests and main.ts hand it in. */
export interface Surroundings {
  readonly streams: OutputStreams;
  readonly stdin: NodeJS.ReadStream;
  readonly environment: Environment;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** For a command that goes on after the first signal: what the second one aborts. */
  readonly waitForSecondSignal: () => AbortSignal;
  /** For a command that only shows something: ends it when its output finds no reader. Any other goes on. */
  readonly endUnheard: () => void;
}

/** What every command works with. */
export interface CliContext extends Surroundings {
  readonly output: Output;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly host: string;
  /** The program's version, as snapshots name it. */
  readonly version: string;
  /** The options that every command has. */
  readonly globals: GlobalOptions;
  /** How much of the network the command may take. */
  readonly limits: Limits;
  /** Where metadata of repositories that are not on this machine is kept; undefined: nowhere. */
  readonly cacheDir: string | undefined;
  /** The file that --config, HOLDFAST_CONFIG or BACKUP_CONFIG_PATH names. */
  readonly configPath: string | undefined;
  /** True where a progress line may be drawn. */
  readonly interactive: boolean;
  /** Set to end with another status than 0 without a failure of the whole. */
  setExitStatus(status: number): void;
}

function logLevelOf(options: GlobalOptions, environment: Environment): LogLevel {
  const told = options.verbose === true ? 'info' : undefined;
  const wanted = (options.logLevel ?? told ?? (environment['HOLDFAST_LOG_LEVEL'] || 'warn')).toLowerCase();
  const level = logLevels.find((candidate) => candidate === (wanted === 'warning' ? 'warn' : wanted));
  if (level) return level;
  throw cliError('usage', { message: `"${wanted}" is no log level`, hint: `Known: ${logLevels.join(', ')}` });
}

/** Builds the context of one command out of its options. */
export function createContext(
  command: Command,
  surroundings: Surroundings & { readonly version: string },
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
    globals: options,
    limits: limitsOf(options),
    cacheDir: cacheFolder(options, environment),
    configPath: options.config ?? (environment['HOLDFAST_CONFIG'] || environment['BACKUP_CONFIG_PATH'] || undefined),
    interactive: streams.stderr.isTTY && !output.json && !output.quiet,
    setExitStatus,
  };
}
