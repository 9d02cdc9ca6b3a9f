/** A program whose standard output is what is backed up. */
export interface CommandSourceSpec {
  readonly type: 'command';
  /**
   * The program and its arguments, run as they stand. One string instead is a line for `/bin/sh -c`; when it has a pipe
   * in it, every program of the pipeline must succeed (`pipefail`), unless the line sets pipefail itself.
   */
  readonly command: string | readonly string[];
  /** Unique within a job; the program's name unless given. */
  readonly name?: string;
  /** The name of the one file in the restore point; `<name>.out` unless given. No "/". */
  readonly fileName?: string;
  /** The absolute folder that a repository shows the file in; "/" unless given. */
  readonly folder?: string;
  /** Added to Holdfast's own environment, which the program inherits. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** The program is ended, and the backup fails, when it runs longer than this. No limit unless given. */
  readonly timeoutMs?: number;
  /**
   * Success without a single byte is refused (source/empty-output) unless this is true: an empty backup that everyone
   * believes in is worse than a failure.
   */
  readonly allowEmpty?: boolean;
  /** The program reads our own standard input; nothing unless given. */
  readonly input?: 'inherit';
}
