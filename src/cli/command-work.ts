import type { Command } from 'commander';

/** What a command is once it is loaded. */
export interface CommandWork {
  /** Adds its arguments and options. */
  readonly define?: (command: Command) => Command;
  /** It only shows something, and is of no use when nobody reads. */
  readonly shows?: true;
  /** Takes the command's arguments in the order of its definition, then its options, then the context. */
  readonly run: (...words: never[]) => Promise<void>;
}
