import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A service that is told of backups. */
export interface WebhookReceiver {
  /** Its address; the path is what nobody else must learn. */
  readonly url: string;
  /** The bodies of all posts so far. */
  readonly posts: Record<string, unknown>[];
  stop(): void;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const posts: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      if (request.method === 'POST') posts.push(JSON.parse(body) as Record<string, unknown>);
      response.end('ok');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/services/T0PS3CRET/hook`,
    posts,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
