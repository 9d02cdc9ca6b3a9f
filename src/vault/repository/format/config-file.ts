import { vaultError } from '../../errors.ts';
import { asId, asNumber, asString, corrupt, jsonText, parseObject } from './read-json.ts';
import type { FormatVersion } from './unpacked.ts';

/** What a repository is, for ever. */
export interface RepositoryConfig {
  readonly version: FormatVersion;
  /** 32 random bytes in hex. */
  readonly id: string;
  /** Of the chunker: an irreducible polynomial over GF(2), bit n for x^n. */
  readonly chunkerPolynomial: bigint;
}

/** The JSON of the config, which is sealed but never compressed. */
export function encodeConfig({ version, id, chunkerPolynomial }: RepositoryConfig): string {
  return `{"version":${version},"id":"${id}","chunker_polynomial":"${chunkerPolynomial.toString(16)}"}`;
}

/**
 * Throws vault/corrupt, or vault/newer-format for a repository of a later format. Whether the polynomial is irreducible
 * is for the chunker to check.
 */
export function decodeConfig(bytes: Uint8Array): RepositoryConfig {
  const what = 'The config';
  const raw = parseObject(jsonText(bytes, what), what);
  const version = asNumber(raw['version'], what);
  if (version > 2)
    throw vaultError('newer-format', {
      message: `The repository has format ${version}; this program knows 1 and 2.`,
      hint: 'Use a newer version of Holdfast.',
    });
  if (version !== 1 && version !== 2) throw corrupt(what, `there is no format ${version}`);
  const polynomial = asString(raw['chunker_polynomial'], what);
  if (!/^[0-9a-f]{1,16}$/.test(polynomial)) throw corrupt(what, 'the chunker has no polynomial');
  return { version, id: asId(raw['id'], what), chunkerPolynomial: BigInt(`0x${polynomial}`) };
}
