import type { Clock } from './clock.ts';
import { scrub, scrubbedText } from './secrets.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes what happened. `message` is a sentence; `fields` are facts that a machine may want. Never throws. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  readonly clock: Clock;
  /** Takes one finished line without its newline. */
  readonly write: (line: string) => void;
}

const jsonReplacer = (key: string, value: unknown): unknown =>
  scrubbedText(key, typeof value === 'bigint' ? value.toString() : value instanceof Error ? value.message : value);

/** The JSON of anything; a line with less in it when a value refuses (a cycle). */
function toJson(value: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(value, jsonReplacer);
  } catch {
    const text = Object.entries(value).map(([key, field]) => [key, typeof field === 'string' ? field : String(field)]);
    return JSON.stringify(Object.fromEntries(text), scrubbedText);
  }
}

/** A field's value in a line of text. */
const fieldText = (value: unknown): string =>
  typeof value === 'string' ? value : toJson({ value }).slice('{"value":'.length, -1);

function textLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${fieldText(value)}`);
  return `${time} ${level.toUpperCase().padEnd(5)} ${scrub([message, ...facts].join(' '))}`;
}

/** A logger that scrubs secrets out of every line it writes. */
export function createLogger({ level, format, clock, write }: LoggerOptions): Logger {
  const threshold = logLevels.indexOf(level);
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (logLevels.indexOf(lineLevel) < threshold) return;
      const time = clock.now().toISOString();
      const facts = { time, level: lineLevel, message }; // first in the line, and no field may take their place
      const line =
        format === 'json'
          ? toJson(Object.assign({}, facts, fields, facts))
          : textLine(time, lineLevel, message, fields);
      write(line);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A logger that writes nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
