/** What a restore into a server did. */
export interface PostgresRestoreResult {
  /** The database that was made or written to; undefined for globals. */
  readonly database: string | undefined;
  /** What the reader should know. */
  readonly notes: readonly string[];
}
