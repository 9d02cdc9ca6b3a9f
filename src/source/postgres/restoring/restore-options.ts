import type { Logger } from '../../../base/log.ts';

/** What restores of databases and of tables take alike. */
export interface RestoreOptions {
  /** Replace what exists. */
  readonly overwrite: boolean;
  /** Everything belongs to the role that restores. */
  readonly noOwner?: boolean;
  /** No GRANT and REVOKE. */
  readonly noPrivileges?: boolean;
  readonly binDirs?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}
