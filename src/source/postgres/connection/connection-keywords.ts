/** libpq's connection keywords (PostgreSQL manual, "Parameter Key Words") that a URI may carry behind its "?". */
export const libpqKeywords: ReadonlySet<string> = new Set(
  `host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding options
  application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
  tcp_user_timeout replication gssencmode sslmode requiressl sslnegotiation sslcompression sslcert sslkey sslkeylogfile
  sslpassword sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version
  ssl_max_protocol_version min_protocol_version max_protocol_version krbsrvname gsslib gssdelegation service
  servicefile target_session_attrs load_balance_hosts`.split(/\s+/),
);

/**
 * Parameters of other programs that stand in URLs shared with them (Prisma, SQLAlchemy, node-postgres). libpq refuses
 * them; they say nothing of where the server is, so they are passed over.
 */
export const foreignKeywords: ReadonlySet<string> = new Set(
  `schema pgbouncer connection_limit pool_timeout socket_timeout statement_cache_size sslaccept sslidentity
  uselibpqcompat prepared_statements pool_size max_connections currentSchema`.split(/\s+/),
);
