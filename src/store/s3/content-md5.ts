import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';

/**
 * Adds Content-MD5 to the deletion of many objects: stores that don't know the newer checksums insist on it, and
 * Amazon's accepts both.
 */
export function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const request = args.request as { headers: Record<string, string>; body?: unknown };
      const { body } = request;
      if (context.commandName === 'DeleteObjectsCommand' && (typeof body === 'string' || body instanceof Uint8Array))
        request.headers['content-md5'] = createHash('md5').update(body).digest('base64');
      return next(args);
    },
    { step: 'build', name: 'contentMd5', priority: 'low' },
  );
}
