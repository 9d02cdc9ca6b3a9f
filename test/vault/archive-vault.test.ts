import { generateIdentity, identityToRecipient } from 'age-encryption';
import { silentLogger as logger } from '../../src/base/log.ts';
import { ArchiveVault } from '../../src/vault/archive/index.ts';
import { testVault } from '../../src/vault/testing/test-vault.ts';

const identity = await generateIdentity();
const recipient = await identityToRecipient(identity);

testVault(
  'the archive vault with zstd and age',
  (store, clock) =>
    new ArchiveVault(
      {
        type: 'archive',
        compression: { algorithm: 'zstd' },
        encryption: { type: 'age', recipients: [recipient], identities: [identity] },
      },
      { name: 'plain', store, clock, logger },
    ),
);
