export interface WrongEnvironment {
  readonly what: string;
  readonly changes: Readonly<Record<string, string>>;
  readonly says: string;
}

const key = 'an encryption key of more than 32 characters';

export const wrongEnvironments: readonly WrongEnvironment[] = [
  { what: 'no database', changes: { DATABASE_URL: '' }, says: 'DATABASE_URL: is missing; expected postgresql://' },
  {
    what: 'a half of the database',
    changes: { DATABASE_URL: '', PGHOST: 'db', PGUSER: 'me', PGDATABASE: 'x' },
    says: 'PGPASSWORD: is missing',
  },
  {
    what: 'a database of another kind',
    changes: { DATABASE_URL: 'mysql://me:hidden-word@db/x' },
    says: 'DATABASE_URL: a PostgreSQL address begins with postgres://',
  },
  {
    what: 'an address without a database',
    changes: { DATABASE_URL: 'postgres://db' },
    says: 'DATABASE_URL: it names no database',
  },
  {
    what: 'an address without a host',
    changes: { DATABASE_URL: 'postgres:///x' },
    says: 'DATABASE_URL: it names no host',
  },
  { what: 'an address with a bad port', changes: { DATABASE_URL: 'postgres://me@db:port/x' }, says: 'DATABASE_URL: ' },
  { what: 'a port that is no number', changes: { PGPORT: 'five' }, says: 'PGPORT: found "five"; expected a number' },
  { what: 'no endpoint', changes: { S3_ENDPOINT: '' }, says: 'S3_ENDPOINT: is missing' },
  {
    what: 'an endpoint without https',
    changes: { S3_ENDPOINT: 's3.example.com' },
    says: 'S3_ENDPOINT: found "s3.example.com"; expected an address',
  },
  { what: 'no bucket', changes: { S3_BUCKET: '' }, says: 'S3_BUCKET: is missing' },
  { what: 'no access key', changes: { S3_ACCESS_KEY_ID: '' }, says: 'S3_ACCESS_KEY_ID: is missing' },
  { what: 'no secret key', changes: { S3_SECRET_ACCESS_KEY: '' }, says: 'S3_SECRET_ACCESS_KEY: is missing' },
  {
    what: 'an interval in words',
    changes: { BACKUP_INTERVAL: '1h' },
    says: 'BACKUP_INTERVAL: found "1h"; expected a number',
  },
  {
    what: 'an interval of nothing',
    changes: { BACKUP_INTERVAL: '0' },
    says: 'BACKUP_INTERVAL: found "0"; expected at least 1',
  },
  {
    what: 'a negative retention',
    changes: { BACKUP_RETENTION_DAYS: '-7' },
    says: 'BACKUP_RETENTION_DAYS: found "-7"; expected a number',
  },
  {
    what: 'a prefix that is no path',
    changes: { BACKUP_PREFIX: 'a/../b' },
    says: 'BACKUP_PREFIX: found "a/../b"; expected folders with "/" between them',
  },
  {
    what: 'a level that there is not',
    changes: { COMPRESSION_LEVEL: '10' },
    says: 'COMPRESSION_LEVEL: found "10"; expected at most 9',
  },
  {
    what: 'an encryption that is yes',
    changes: { BACKUP_ENCRYPTION: 'yes' },
    says: 'BACKUP_ENCRYPTION: found "yes"; expected true or false',
  },
  {
    what: 'an encryption without a key',
    changes: { BACKUP_ENCRYPTION: 'true' },
    says: 'BACKUP_ENCRYPTION_KEY: is missing while BACKUP_ENCRYPTION is true; expected at least 32 characters',
  },
  {
    what: 'a short key',
    changes: { BACKUP_ENCRYPTION: 'true', BACKUP_ENCRYPTION_KEY: key.slice(0, 31) },
    says: 'BACKUP_ENCRYPTION_KEY: has 31 characters',
  },
  {
    what: 'a webhook that is no address',
    changes: { WEBHOOK_URL: 'hooks.slack.com/x' },
    says: 'WEBHOOK_URL: found a text that is not shown; expected an address',
  },
  {
    what: 'a webhook on 1',
    changes: { WEBHOOK_ON_SUCCESS: '1' },
    says: 'WEBHOOK_ON_SUCCESS: found "1"; expected true or false',
  },
  {
    what: 'no attempt at all',
    changes: { RETRY_ATTEMPTS: '0' },
    says: 'RETRY_ATTEMPTS: found "0"; expected at least 1',
  },
  { what: 'a delay with a unit', changes: { RETRY_DELAY: '5s' }, says: 'RETRY_DELAY: found "5s"; expected a number' },
  { what: 'a debugging that is on', changes: { DEBUG: 'on' }, says: 'DEBUG: found "on"; expected true or false' },
  {
    what: 'a secret in a file that is not there',
    changes: { S3_SECRET_ACCESS_KEY: '', S3_SECRET_ACCESS_KEY_FILE: '/no/such/file' },
    says: "S3_SECRET_ACCESS_KEY: S3_SECRET_ACCESS_KEY_FILE can't be read",
  },
  { what: 'two shapes at once', changes: { BACKUP_S3_BUCKET: 'b' }, says: 'S3_BUCKET: stands beside BACKUP_S3_' },
  {
    what: 'a bucket that is switched on and not named',
    changes: { S3_BUCKET: '', BACKUP_S3_ENABLED: 'true' },
    says: 'BACKUP_S3_BUCKET: is missing while BACKUP_S3_ENABLED is true',
  },
  { what: 'a bundle of keys that is no JSON', changes: { API_KEYS: '{"A": ' }, says: 'API_KEYS: it is no JSON' },
  { what: 'a bundle of keys that is a list', changes: { API_KEYS: '["a"]' }, says: 'API_KEYS: it is no JSON object' },
  {
    what: 'a bundle of keys with a map in it',
    changes: { API_KEYS: '{"A":{}}' },
    says: 'API_KEYS: the value of "A" is no text',
  },
];
