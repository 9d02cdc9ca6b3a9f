/** What the code and docs/errors.md say of one failure: `code` is "<layer>/<reason>". */
export interface HoldfastErrorInit {
  /** One sentence that names the cause, with the names and numbers that matter; never a secret. */
  readonly message: string;
  /** What the reader can do about it. */
  readonly hint?: string;
  /** True only where the same call may succeed when repeated as it is. The driver decides it. */
  readonly retryable?: boolean;
  /** Facts for logs and --json: keys, paths, sizes. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Every failure that Holdfast raises itself. Catch it by `code`, never by message. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: string, init: HoldfastErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.hint = init.hint;
    this.retryable = init.retryable ?? false;
    this.context = init.context ?? {};
  }
}

/** A layer's errors: a function that makes one, and the list of its codes that docs/errors.md must describe. */
export interface ErrorFamily<Reason extends string> {
  (reason: Reason, init: HoldfastErrorInit): HoldfastError;
  readonly codes: readonly string[];
}

/** Declares the reasons of one layer. Call it once, in that layer's errors.ts. */
export function errorFamily<const Reason extends string>(
  layer: string,
  reasons: readonly Reason[],
): ErrorFamily<Reason> {
  const make = (reason: Reason, init: HoldfastErrorInit): HoldfastError =>
    new HoldfastError(`${layer}/${reason}`, init);
  return Object.assign(make, { codes: reasons.map((reason) => `${layer}/${reason}`) });
}

/** True when `error` is a HoldfastError with one of `codes`. */
export function hasCode(error: unknown, ...codes: string[]): error is HoldfastError {
  return error instanceof HoldfastError && codes.includes(error.code);
}

/** The `code` that Node.js puts on its own errors ("ENOENT", "ECONNRESET"), or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
