import { randomBytes, randomUUID } from 'node:crypto';

export interface CephPorts {
  readonly monitor: number;
  readonly http: number;
  readonly https: number;
  readonly keys: number;
}

/** The name of the key for SSE-KMS that the server knows. */
export const kmsKeyId = 'testkey-1';

const randomKey = (): string => randomBytes(32).toString('base64');

/** ceph.conf of a cluster of one monitor, one disk in memory and one S3 gateway, all in `folder`. */
export function cephConfig(folder: string, libraries: string, ports: CephPorts): string {
  const firstPort = 10_000 + Math.floor(Math.random() * 18_000);
  const sections: Record<string, Record<string, string | number>> = {
    global: {
      fsid: randomUUID(),
      mon_initial_members: 'a',
      mon_host: `[v2:127.0.0.1:${ports.monitor}]`,
      public_addr: '127.0.0.1',
      cluster_addr: '127.0.0.1',
      ms_bind_ipv6: 'false',
      ms_bind_port_min: firstPort,
      ms_bind_port_max: firstPort + 400,
      keyring: `${folder}/keyring`,
      auth_allow_insecure_global_id_reclaim: 'false',
      log_file: `${folder}/log/$name.log`,
      mon_cluster_log_file: `${folder}/log/cluster.log`,
      run_dir: `${folder}/run`,
      admin_socket: `${folder}/run/$name.$pid.asok`,
      pid_file: '',
      crash_dir: `${folder}/run`,
      plugin_dir: `${libraries}/ceph`,
      erasure_code_dir: `${libraries}/ceph/erasure-code`,
      osd_pool_default_size: 1,
      osd_pool_default_min_size: 1,
      osd_pool_default_pg_num: 8,
      osd_pool_default_pg_autoscale_mode: 'off',
      rgw_rados_pool_pg_num_min: 8,
      osd_crush_chooseleaf_type: 0,
      mon_allow_pool_size_one: 'true',
      mon_max_pg_per_osd: 2000,
      mon_data_avail_crit: 1,
      mon_data_avail_warn: 1,
      paxos_propose_interval: 0.05,
    },
    'mon.a': { mon_data: `${folder}/mon` },
    'osd.0': {
      osd_data: `${folder}/osd`,
      osd_objectstore: 'memstore',
      memstore_device_bytes: 8 * 1024 ** 3,
      osd_memory_target: 939_524_096,
      osd_class_dir: `${libraries}/rados-classes`,
      osd_class_load_list: '*',
      osd_class_default_list: '*',
    },
    'client.rgw': {
      rgw_data: `${folder}/run`,
      rgw_frontends: [
        `beast endpoint=127.0.0.1:${ports.http} ssl_endpoint=127.0.0.1:${ports.https}`,
        `ssl_certificate=${folder}/tls.crt ssl_private_key=${folder}/tls.key tcp_nodelay=1`,
      ].join(' '),
      rgw_thread_pool_size: 64,
      rgw_crypt_require_ssl: 'false',
      rgw_crypt_s3_kms_backend: 'testing',
      rgw_crypt_s3_kms_encryption_keys: `${kmsKeyId}=${randomKey()} testkey-2=${randomKey()}`,
      rgw_crypt_sse_s3_backend: 'vault',
      rgw_crypt_sse_s3_vault_auth: 'token',
      rgw_crypt_sse_s3_vault_token_file: `${folder}/keys.token`,
      rgw_crypt_sse_s3_vault_addr: `http://127.0.0.1:${ports.keys}`,
      rgw_crypt_sse_s3_vault_prefix: '/v1/transit',
      rgw_crypt_sse_s3_vault_secret_engine: 'transit',
      rgw_lc_debug_interval: 10,
    },
  };
  return Object.entries(sections)
    .map(([name, settings]) =>
      [`[${name}]`, ...Object.entries(settings).map(([setting, value]) => `${setting} = ${value}`), ''].join('\n'),
    )
    .join('');
}
