import { HoldfastError } from '../../../base/errors.ts';
import type { VerifyFinding } from '../../vault.ts';

/** More are only counted. */
const mostFindings = 1000;

/** What a check has found. */
export class Findings {
  private readonly told: VerifyFinding[] = [];
  private more = 0;

  add(finding: VerifyFinding): void {
    if (this.told.length < mostFindings) this.told.push(finding);
    else this.more += 1;
  }

  /** Tells what was thrown, if it speaks of the repository; else, and when `signal` has aborted, throws it again. */
  tell(error: unknown, signal: AbortSignal): void {
    signal.throwIfAborted();
    if (!(error instanceof HoldfastError) || !isAboutContent(error.code)) throw error;
    this.add({ code: error.code, message: `${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}` });
  }

  /** Runs `work` and tells what it throws. Undefined then. */
  async during<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.tell(error, signal);
      return undefined;
    }
  }

  all(): VerifyFinding[] {
    if (this.more === 0) return this.told;
    return [...this.told, { code: 'vault/corrupt', message: `There are ${this.more} more such findings.` }];
  }
}

const isAboutContent = (code: string): boolean =>
  (code.startsWith('vault/') && code !== 'vault/closed') || code === 'store/not-found';
