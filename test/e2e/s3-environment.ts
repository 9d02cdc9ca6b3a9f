import type { S3Handle } from '../servers/s3.ts';

/** The variables by which the command line finds the test server, or what stands before it at `endpoint`. */
export function s3Environment(
  { accessKey, secretKey, endpoint, region }: S3Handle,
  through: string = endpoint,
): Record<string, string> {
  return {
    HOME: '/nonexistent',
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    AWS_ENDPOINT_URL: through,
    AWS_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
