/** The head of an answer in HTTP/1.1 whose body has a known length. */
export interface AnswerHead {
  readonly statusCode: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes of the body. */
  readonly length: number;
  /** Whether the connection may be used for another request. */
  readonly keepAlive: boolean;
}

const mostHeaders = 200;

/** By names in lower case; undefined where one is there twice, or is no line of a header. */
function parseHeaders(lines: readonly string[]): Record<string, string> | undefined {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line);
    const name = found?.[1]?.toLowerCase();
    if (name === undefined || headers.has(name)) return undefined;
    headers.set(name, found?.[2] ?? '');
  }
  return Object.fromEntries(headers);
}

/**
 * Reads a head, without the empty line behind it (RFC 9112). Undefined for what isn't plain: another version, a status
 * that isn't 200 or 206, a body in chunks or of unknown length, a header twice or in more than one line.
 */
export function parseAnswerHead(text: string): AnswerHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 (20[06])(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(first);
  const headers = lines.length > mostHeaders ? undefined : parseHeaders(lines);
  if (!status || !headers) return undefined;
  const { 'content-length': length = '', connection = 'keep-alive' } = headers;
  if (headers['transfer-encoding'] !== undefined || !/^[0-9]{1,15}$/.test(length)) return undefined;
  const keepAlive = connection.toLowerCase() === 'keep-alive';
  return { statusCode: Number(status[1]), reason: status[2] ?? '', headers, length: Number(length), keepAlive };
}
