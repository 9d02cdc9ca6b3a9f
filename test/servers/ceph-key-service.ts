/**
 * The few calls of HashiCorp Vault's "transit" engine that Ceph makes for SSE-S3: creates keys, and wraps data keys
 * with them. Loopback, in memory. Runs as a program: node ceph-key-service.ts PORT TOKENFILE
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

interface Reply {
  readonly status: number;
  readonly data?: Readonly<Record<string, string>>;
}
type Body = Readonly<Record<string, string | undefined>>;

const keys = new Map<string, Buffer>();
const prefix = 'vault:v1:';

function dataKey(key: Buffer, context: Buffer): Reply {
  const plaintext = randomBytes(32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context);
  const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  const data = { ciphertext: prefix + sealed.toString('base64'), plaintext: plaintext.toString('base64') };
  return { status: 200, data };
}

function decrypt(key: Buffer, context: Buffer, ciphertext: string): Reply {
  const sealed = Buffer.from(ciphertext.slice(prefix.length), 'base64');
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(context);
    cipher.setAuthTag(sealed.subarray(-16));
    const plaintext = Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]);
    return { status: 200, data: { plaintext: plaintext.toString('base64') } };
  } catch {
    return { status: 400 };
  }
}

function manage(method: string, name: string, isConfig: boolean): Reply {
  if (isConfig) return { status: keys.has(name) ? 204 : 404 };
  if (method === 'GET') return keys.has(name) ? { status: 200, data: { name } } : { status: 404 };
  if (method === 'DELETE') keys.delete(name);
  else if (!keys.has(name)) keys.set(name, randomBytes(32));
  return { status: 204 };
}

function reply(request: IncomingMessage, body: Body): Reply {
  const path = /^\/v1\/transit\/(keys|datakey\/plaintext|decrypt)\/([^/?]+)(\/config)?/.exec(request.url ?? '');
  if (path === null) return { status: 404 };
  const name = decodeURIComponent(path[2]!);
  if (path[1] === 'keys') return manage(request.method ?? '', name, path[3] !== undefined);
  const key = keys.get(name);
  if (key === undefined) return { status: 400 };
  const context = Buffer.from(body['context'] ?? '', 'base64');
  return path[1] === 'decrypt' ? decrypt(key, context, body['ciphertext'] ?? '') : dataKey(key, context);
}

const [port, tokenFile] = process.argv.slice(2);
const token = readFileSync(tokenFile!, 'utf8').trim();
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = await Array.fromAsync(request);
  // Ceph sends the header twice, which Node joins with a comma.
  const isAllowed = String(request.headers['x-vault-token']).split(',')[0]?.trim() === token;
  const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Body;
  const { status, data } = isAllowed ? reply(request, body) : { status: 403 };
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(status === 204 ? '' : JSON.stringify(data === undefined ? { errors: [] } : { data }));
}

createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
}).listen(Number(port), '127.0.0.1');
