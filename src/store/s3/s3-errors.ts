import { parseTime } from '../../base/clock.ts';
import { HoldfastError, messageOf, systemCode } from '../../base/errors.ts';
import { storeError } from '../errors.ts';
import { alreadyExists, changed, notFound } from '../outcomes.ts';

/** Where and when something failed. */
export interface S3Place {
  readonly act: string;
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  readonly key?: string;
  readonly ifAbsent?: boolean;
  readonly now: Date;
}

/** What the SDK throws; every field may be missing. */
interface SdkError {
  readonly name?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

type Reason = Parameters<typeof storeError>[0];
type Rule = (place: S3Place, error: SdkError, cause: unknown) => HoldfastError;

const what = ({ act, key, bucket }: S3Place): string =>
  `Can't ${act} ${key === undefined ? `in ${bucket}` : `"${key}"`}`;

const rule =
  (reason: Reason, why: (place: S3Place, error: SdkError) => string, hint: string, retryable = false): Rule =>
  (place, error, cause) =>
    storeError(reason, {
      message: `${what(place)}: ${why(place, error)}`,
      hint,
      retryable,
      context: {
        bucket: place.bucket,
        endpoint: place.endpoint,
        ...(place.key === undefined ? {} : { key: place.key }),
      },
      cause,
    });

/** How many seconds our clock is before the store's, by the date of its answer. */
function secondsAhead({ now }: S3Place, error: SdkError): number | undefined {
  const server = parseTime(error.$response?.headers?.['date'] ?? '');
  return server === undefined ? undefined : Math.round((now.getTime() - server.getTime()) / 1000);
}

function clockDifference(place: S3Place, error: SdkError): string {
  const seconds = secondsAhead(place, error);
  return seconds === undefined ? '' : `: it is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}`;
}

const bucketMissing = rule(
  'bucket-not-found',
  ({ bucket, endpoint }) => `there is no bucket "${bucket}" at ${endpoint}`,
  'Create the bucket, or correct its name, region or endpoint in the configuration.',
);
const denied = rule(
  'access-denied',
  ({ bucket }) => `the store refuses it (access denied in "${bucket}")`,
  'Allow these keys s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListBucket and ' +
    's3:ListBucketMultipartUploads on the bucket, and the use of the KMS key if there is one.',
);
const wrongSecret = rule(
  'bad-credentials',
  () => "the secret key doesn't belong to the access key (the signature is wrong)",
  'Correct the secret access key. Behind a proxy: it must not change the Host header or the path.',
);
const unknownKey = rule(
  'bad-credentials',
  ({ endpoint }) => `${endpoint} doesn't know the access key`,
  'Correct the access key ID, or the endpoint: keys are valid at one provider only.',
);
const expired = rule(
  'bad-credentials',
  () => 'the session token is expired or invalid',
  'Get new temporary credentials, or use a role that renews them.',
);
// Tried again, because the SDK signs the next try with the time that the store told it.
const clockSkew = rule(
  'clock-skew',
  (place, error) => `this machine's clock is too far from the store's${clockDifference(place, error)}`,
  "Set this machine's clock right (NTP).",
  true,
);
/** Stores accept requests that were signed up to 15 minutes ago. */
const acceptedSkewSeconds = 15 * 60 - 10;

/** An answer to HEAD has no words: whether the clock is the reason tells its date. */
const refused: Rule = (place, error, cause) =>
  (Math.abs(secondsAhead(place, error) ?? 0) > acceptedSkewSeconds ? clockSkew : denied)(place, error, cause);
const throttled = rule(
  'throttled',
  () => 'the store asks us to slow down',
  'It is tried again. If it stays so: lower limits.connections or limits.uploadKBps.',
  true,
);
const unavailable = rule(
  'unavailable',
  (_place, error) => `the store has a problem of its own (${describe(error)})`,
  'It is tried again. If it stays so, look at the status of the store.',
  true,
);
const damaged = rule(
  'unavailable',
  (_place, error) => `the bytes were damaged or cut on their way (${describe(error)})`,
  'It is tried again. If it stays so, suspect the network or the memory of this machine.',
  true,
);
const conflict = rule('unavailable', () => 'someone else is writing it', 'It is tried again.', true);
const elsewhere = rule(
  'bad-address',
  (place, error) => {
    const region = error.$response?.headers?.['x-amz-bucket-region'];
    return `the bucket "${place.bucket}" is not in the region ${place.region}${region === undefined ? '' : `, but in ${region}`}`;
  },
  'Set the region of the bucket in the configuration, and the endpoint if you gave one.',
);
const uploadGone = rule(
  'failed',
  () => 'its unfinished upload is gone',
  'Someone removed it: a sweep with too short an age, or a lifecycle rule of the bucket.',
);
const archived = rule(
  'unavailable',
  () => 'the object is archived',
  "Bring it back from the archive first (S3 Glacier's restore), then try again.",
);
const unsupported = rule(
  'unsupported',
  (_place, error) => `the store doesn't know how to (${describe(error)})`,
  "With a store other than Amazon's try checksums: when-required.",
);
const tooLarge = rule(
  'too-large',
  () => 'the store takes no object of this size',
  'Exclude something, or split the job.',
);
const full = rule('full', () => 'the quota is used up', 'Raise the quota, or forget old restore points.');
const noCredentials = rule(
  'no-credentials',
  (_place, error) => `there are no credentials (${error.message ?? 'none found'})`,
  'Give accessKeyId and secretAccessKey in the configuration, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role.',
);
const badName = rule(
  'bad-address',
  ({ bucket }) => `"${bucket}" can't be the name of a bucket`,
  'Bucket names have 3 to 63 lower-case letters, digits, dots and hyphens.',
);
const badKms = rule(
  'access-denied',
  (_place, error) => `the KMS key can't be used (${describe(error)})`,
  'Correct sse.keyId, enable the key, or allow these credentials kms:GenerateDataKey and kms:Decrypt.',
);
const missing: Rule = ({ key = '' }, _error, cause) => notFound(key, cause);
const precondition: Rule = ({ key = '', ifAbsent }, _error, cause) =>
  ifAbsent === true ? alreadyExists(key, cause) : changed(key, cause);

/** The store's own name of an error -> what it means. */
const byName: Readonly<Record<string, Rule>> = {
  NoSuchBucket: bucketMissing,
  NoSuchKey: missing,
  NotFound: missing,
  NoSuchUpload: uploadGone,
  AccessDenied: denied,
  AllAccessDisabled: denied,
  AccountProblem: denied,
  Forbidden: refused,
  SignatureDoesNotMatch: wrongSecret,
  InvalidAccessKeyId: unknownKey,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  InvalidToken: expired,
  TokenRefreshRequired: expired,
  RequestTimeTooSkewed: clockSkew,
  RequestExpired: clockSkew,
  SlowDown: throttled,
  TooManyRequests: throttled,
  RequestLimitExceeded: throttled,
  ThrottlingException: throttled,
  Throttling: throttled,
  InternalError: unavailable,
  ServiceUnavailable: unavailable,
  RequestTimeout: damaged,
  BadDigest: damaged,
  IncompleteBody: damaged,
  XAmzContentSHA256Mismatch: damaged,
  XAmzContentChecksumMismatch: damaged,
  PreconditionFailed: precondition,
  ConditionalRequestConflict: conflict,
  OperationAborted: conflict,
  PermanentRedirect: elsewhere,
  TemporaryRedirect: elsewhere,
  AuthorizationHeaderMalformed: elsewhere,
  IllegalLocationConstraintException: elsewhere,
  InvalidObjectState: archived,
  NotImplemented: unsupported,
  MissingContentLength: unsupported,
  EntityTooLarge: tooLarge,
  QuotaExceeded: full,
  InvalidBucketName: badName,
  CredentialsProviderError: noCredentials,
  ProviderError: noCredentials,
  'KMS.NotFoundException': badKms,
  'KMS.DisabledException': badKms,
  'KMS.InvalidStateException': badKms,
};

/** For answers without a body, such as those to HEAD. */
const byStatus: Readonly<Record<number, Rule>> = {
  301: elsewhere,
  307: elsewhere,
  401: refused,
  403: refused,
  404: missing,
  409: conflict,
  411: unsupported,
  412: precondition,
  413: tooLarge,
  429: throttled,
  501: unsupported,
};

const broken = rule(
  'unavailable',
  ({ endpoint }, error) => `the connection to ${endpoint} broke (${describe(error)})`,
  'It is tried again. If it stays so, look at the network between here and the store.',
  true,
);
const unreachable = rule(
  'unreachable',
  ({ endpoint }, error) => `${endpoint} can't be reached (${describe(error)})`,
  'Is the endpoint right, the store running, and no firewall between?',
  true,
);
const unknownHost = rule(
  'unreachable',
  ({ endpoint }) => `the name in ${endpoint} is unknown`,
  'Correct the endpoint or the region, or repair the name resolution (DNS) of this machine.',
);
const tls = rule(
  'unreachable',
  ({ endpoint }, error) => `${endpoint} can't be trusted (${describe(error)})`,
  'Give caFile for a private certificate authority; use the name that is in the certificate; http:// for a store without TLS.',
);

/** What the operating system or Node says -> what it means. */
const bySystemCode: Readonly<Record<string, Rule>> = {
  ECONNRESET: broken,
  EPIPE: broken,
  ETIMEDOUT: broken,
  ESOCKETTIMEDOUT: broken,
  ECONNABORTED: broken,
  ERR_STREAM_PREMATURE_CLOSE: broken,
  ERR_SSL_BAD_RECORD_TYPE: broken,
  ECONNREFUSED: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ENETDOWN: unreachable,
  EAI_AGAIN: unreachable,
  ENOTFOUND: unknownHost,
  EPROTO: tls,
  CERT_HAS_EXPIRED: tls,
  CERT_NOT_YET_VALID: tls,
  DEPTH_ZERO_SELF_SIGNED_CERT: tls,
  SELF_SIGNED_CERT_IN_CHAIN: tls,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: tls,
  UNABLE_TO_GET_ISSUER_CERT: tls,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: tls,
  ERR_TLS_CERT_ALTNAME_INVALID: tls,
};

const otherwise = rule(
  'failed',
  (_place, error) => describe(error),
  'The store refused it; the reason is in the message.',
);

function describe(error: SdkError): string {
  const code = systemCode(error) ?? error.Code ?? error.name;
  const status = error.$metadata?.httpStatusCode;
  const words = [status === undefined ? undefined : `HTTP ${status}`, code, error.message];
  return [...new Set(words.filter((word) => word !== undefined && word !== '' && word !== 'UnknownError'))].join(' ');
}

function ruleFor(error: SdkError): Rule {
  const status = error.$metadata?.httpStatusCode ?? 0;
  const known =
    byName[error.Code ?? ''] ?? byName[error.name ?? ''] ?? bySystemCode[systemCode(error) ?? ''] ?? byStatus[status];
  if (known !== undefined) return known;
  if (status >= 500) return unavailable;
  // An answer that isn't the protocol's: cut short, or made by something on the way.
  if (error.name === 'SyntaxError' || error.message?.startsWith('Deserialization error') === true) return damaged;
  return messageOf(error).includes('socket hang up') ? broken : otherwise;
}

/** What the SDK threw as an error of the store. A HoldfastError stays as it is. */
export function s3Error(place: S3Place, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const error = (typeof cause === 'object' && cause !== null ? cause : { message: String(cause) }) as SdkError;
  return ruleFor(error)(place, error, cause);
}
