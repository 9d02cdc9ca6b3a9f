import { HoldfastError, messageOf } from '../base/errors.ts';
import { scrub, scrubbedText } from '../base/secrets.ts';

/** Where a command writes: results on stdout, everything else on stderr. Secrets are scrubbed out of both. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** A line of a result for people; nothing with --json. */
  line(text?: string): void;
  /** The same of what was done as it should be: nothing with --quiet either. */
  done(text: string): void;
  /** A JSON document, or one of several lines; nothing without --json. */
  document(value: unknown): void;
  /** A line that accompanies the work; nothing with --json or --quiet. */
  note(text: string): void;
  /** A failure, in the form that was asked for. */
  failure(error: unknown): void;
  /** Bytes as they are (dump). Resolves when the reader has taken them. */
  bytes(chunk: Uint8Array): Promise<void>;
}

export interface OutputStreams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const replacer = (key: string, value: unknown): unknown =>
  scrubbedText(key, typeof value === 'bigint' ? value.toString() : value);

const jsonLine = (value: unknown): string => `${JSON.stringify(value, replacer)}\n`;

/** What --json says of a failure. */
export function errorDocument(error: unknown): Record<string, unknown> {
  return error instanceof HoldfastError
    ? { code: error.code, message: error.message, hint: error.hint, context: error.context }
    : { code: 'cli/internal', message: messageOf(error) };
}

/** For people: what went wrong, what it goes back to, and what to do. */
export function errorText(error: unknown): string {
  if (!(error instanceof HoldfastError))
    return `unexpected: ${messageOf(error)} [cli/internal]\n  Please report it with the output of --log-level debug`;
  const [first = '', ...more] = error.message.split('\n');
  const lines = [`${first} [${error.code}]`, ...more];
  if (error.hint !== undefined) lines.push(`  ${error.hint}`);
  return lines.join('\n');
}

const say = (stream: NodeJS.WriteStream, text: string): void => void stream.write(`${scrub(text)}\n`);

export function createOutput(streams: OutputStreams, options: { json: boolean; quiet: boolean }): Output {
  const { json, quiet } = options;
  return {
    json,
    quiet,
    line: (text = '') => {
      if (!json) say(streams.stdout, text);
    },
    done: (text) => {
      if (!json && !quiet) say(streams.stdout, text);
    },
    document: (value) => {
      if (json) streams.stdout.write(jsonLine(value));
    },
    note: (text) => {
      if (!json && !quiet) say(streams.stderr, text);
    },
    failure: (error) => {
      if (json) streams.stderr.write(jsonLine({ error: errorDocument(error) }));
      else say(streams.stderr, `holdfast: ${errorText(error)}`);
    },
    bytes: (chunk) =>
      new Promise((resolve, reject) => {
        streams.stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
      }),
  };
}
