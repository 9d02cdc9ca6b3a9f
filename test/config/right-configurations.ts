/** One right configuration of each shape, which the tests of mistakes spoil. */

export interface RightFile {
  readonly name: string;
  readonly text: string;
  readonly environment: Readonly<Record<string, string>>;
}

const native = `stores:
  nas: { type: local, path: /mnt/backups }
  offsite: { type: s3, bucket: my-backups, retry: { attempts: 3, delay: 5s } }
vaults:
  main: { type: archive, store: nas, timezone: UTC }
  copy: { type: mirror, store: offsite }
  deep: { type: repository, store: nas, passwordFile: /secret, packSizeMiB: 16 }
jobs:
  app:
    sources:
      - { type: directory, path: /srv/app }
      - { type: directories, name: files, directories: [{ path: /data }, { path: /logs }] }
      - { type: postgres, host: db, user: app, password: '\${PASSWORD}', database: app }
    vaults: [main, { name: copy, retention: { last: 3 } }]
    schedule: { cron: '0 3 * * *', timezone: America/Sao_Paulo, jitter: 5m, catchUp: true }
    retention: { daily: 7 }
    notify: [ops]
    lock: { key: locks/app, expiry: 2m }
    log: { style: text }
  often:
    sources: [{ type: command, command: date }]
    vaults: [main]
    schedule: { every: 15m }
notifications:
  ops: { type: webhook, url: 'https://example.com/hook', onSuccess: false, onFailure: true }
`;

const backupS3 = `backup:
  s3:
    bucket: document-portal-s3
    prefix: backups/
    include_dirs:
      - /data
      - /logs
    interval_seconds: 900
`;

const backupTargets = `backup_targets:
  - name: mordor
    type: database
    enabled: true
    config:
      host: postgres
      port: 5432
      user: '\${POSTGRES_USER}'
      password: admin
      database: mordor
  - name: transactions
    type: database
    config: { host: transactions, user: me, database: transactions }
volume_backups:
  - name: data
    enabled: false
    volume_name: postgres_data
backup_config:
  retention_count: 5
  backup_dir: /backups
  s3_bucket: financer
  schedule: 0 3 * * *
  compression_level: 6
`;

const backupConfigs = `[
  {
    "name": "Nightly",
    "enabled": true,
    "sources": [{ "path": "/srv" }],
    "destination": { "bucket": "b", "region": "us-east-1" },
    "schedule": {
      "cronExpression": "0 2 * * *",
      "timezone": "UTC"
    },
    "options": {
      "type": "full",
      "compression": true,
      "compressionLevel": 6,
      "encryption": false,
      "retentionDays": 30
    }
  }
]
`;

export const rightFiles = {
  native: { name: 'holdfast.yaml', text: native, environment: { PASSWORD: 'right' } },
  backupS3: { name: 'backup_config.yaml', text: backupS3, environment: {} },
  backupTargets: { name: 'backups.yml', text: backupTargets, environment: { POSTGRES_USER: 'me' } },
  backupConfigs: { name: 'configs.json', text: backupConfigs, environment: {} },
} satisfies Record<string, RightFile>;

export const rightEnvironment = {
  DATABASE_URL: 'postgresql://postgres:right-password@db:5432/shop',
  S3_ENDPOINT: 'https://s3.amazonaws.com',
  S3_BUCKET: 'my-backups',
  S3_ACCESS_KEY_ID: 'AKIAEXAMPLE',
  S3_SECRET_ACCESS_KEY: 'right-secret-key',
};
