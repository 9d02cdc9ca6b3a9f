import { z } from 'zod';

const hex = z.string().regex(/^[0-9a-f]{64}$/);

const ageDescriptor = z.object({
  type: z.literal('age'),
  /** Who can open it: public keys, or nobody but who knows the passphrase. */
  recipients: z.array(z.string()).optional(),
});

const opensslDescriptor = z.object({
  type: z.literal('openssl'),
  cipher: z.literal('aes-256-cbc'),
  kdf: z.object({ name: z.literal('pbkdf2-hmac-sha256'), iterations: z.number().int().positive() }),
  /** What tells a wrong passphrase, and later any change of the stored bytes; openssl itself would notice neither. */
  integrity: z.object({
    kdf: z.object({
      name: z.literal('pbkdf2-hmac-sha256'),
      iterations: z.number().int().min(1).max(10_000_000),
      saltHex: z.string().regex(/^(?:[0-9a-f]{2})+$/),
    }),
    keyCheck: hex,
    hmacSha256: hex,
  }),
});

/** What the manifest says of an artefact's encryption; holds no secret. */
export const encryptionDescriptor = z.discriminatedUnion('type', [ageDescriptor, opensslDescriptor]);

export type OpensslDescriptor = z.infer<typeof opensslDescriptor>;
export type EncryptionDescriptor = z.infer<typeof encryptionDescriptor>;
