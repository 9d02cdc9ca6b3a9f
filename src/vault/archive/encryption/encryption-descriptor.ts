import {
  listOf,
  object,
  objectWith,
  oneOf,
  type Shape,
  text,
  textLike,
  type ValueOf,
  wholeNumber,
} from '../../../base/shape.ts';

const hex = textLike(/^[0-9a-f]{64}$/, '64 hexadecimal digits');

const ageDescriptor = objectWith(
  { type: oneOf('age') },
  /** Who can open it: public keys, or nobody but who knows the passphrase. */
  { recipients: listOf(text) },
);

const opensslDescriptor = object({
  type: oneOf('openssl'),
  cipher: oneOf('aes-256-cbc'),
  kdf: object({ name: oneOf('pbkdf2-hmac-sha256'), iterations: wholeNumber(1) }),
  /** What tells a wrong passphrase, and later any change of the stored bytes; openssl itself would notice neither. */
  integrity: object({
    kdf: object({
      name: oneOf('pbkdf2-hmac-sha256'),
      iterations: wholeNumber(1, 10_000_000),
      saltHex: textLike(/^(?:[0-9a-f]{2})+$/, 'hexadecimal digits'),
    }),
    keyCheck: hex,
    hmacSha256: hex,
  }),
});

const descriptors = { age: ageDescriptor, openssl: opensslDescriptor };
const typed = object({ type: oneOf('age', 'openssl') });

export type OpensslDescriptor = ValueOf<typeof opensslDescriptor>;
export type EncryptionDescriptor = ValueOf<typeof ageDescriptor> | OpensslDescriptor;

/** What the manifest says of an artefact's encryption; holds no secret. */
export const encryptionDescriptor: Shape<EncryptionDescriptor> = (value, at) =>
  descriptors[typed(value, at).type](value, at);
