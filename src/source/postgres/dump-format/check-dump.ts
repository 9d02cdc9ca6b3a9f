import { sourceError } from '../../errors.ts';
import type { HoldfastError } from '../../../base/errors.ts';

export type DumpFormat = 'plain' | 'custom';

/** Looks at a dump as it passes and knows at its end whether it was whole. */
export interface DumpCheck {
  see(chunk: Uint8Array): void;
  /** The reason why what was seen is no whole dump; undefined when it is. */
  failure(): HoldfastError | undefined;
}

/** pg_dump's and pg_dumpall's last words; what follows is a \unrestrict line at most. */
const footers = ['-- PostgreSQL database dump complete', '-- PostgreSQL database cluster dump complete'];
const tailBytes = 1024;

/** The beginning of a custom archive (pg_backup_archiver.h). */
export const archiveMagic = Buffer.from('PGDMP', 'latin1');

/**
 * The blocks of data of a custom archive end with a block of length zero, its data type and id come before; the last
 * bytes of a whole archive are such an end, or the table of contents when there are no data. Integers are one sign byte
 * and four bytes (K_VERS 1.7 and later): five zero bytes.
 */
const emptyBlock = Buffer.alloc(5);

/** A check for one dump of `what`. The exit status of the program is another, and comes first. */
export function createDumpCheck(format: DumpFormat, what: string): DumpCheck {
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  let bytes = 0;
  const incomplete = (message: string): HoldfastError =>
    sourceError('dump-incomplete', {
      message: `the dump of ${what} is not whole: ${message}`,
      hint: 'Nothing of it was kept; run the backup again and look at the server’s log.',
      retryable: true,
      context: { bytes },
    });
  const plainFailure = (): HoldfastError | undefined =>
    footers.some((footer) => tail.includes(footer))
      ? undefined
      : incomplete(`after ${bytes} bytes its last line is missing`);
  const customFailure = (): HoldfastError | undefined => {
    if (!head.equals(archiveMagic)) return incomplete('it does not begin like an archive of pg_dump');
    return tail.subarray(-emptyBlock.length).equals(emptyBlock) ? undefined : incomplete('its last block has no end');
  };
  return {
    see(chunk) {
      if (head.length < archiveMagic.length) {
        head = Buffer.concat([head, chunk.subarray(0, archiveMagic.length - head.length)]);
      }
      bytes += chunk.length;
      tail = Buffer.concat([tail, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
    },
    failure() {
      if (bytes === 0) return incomplete('it is empty');
      return format === 'plain' ? plainFailure() : customFailure();
    },
  };
}
