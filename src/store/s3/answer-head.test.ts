import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAnswerHead } from './answer-head.ts';

const head = (...lines: readonly string[]): string => lines.join('\r\n');

describe('the head of an answer', () => {
  it('tells how long a plain one is, and whether the connection stays', () => {
    const lines = ['HTTP/1.1 206 Partial Content', 'Content-Length: 12', 'ETag:"a b"', 'x-Empty:'];
    assert.deepEqual(
      { ...parseAnswerHead(head(...lines)), headers: undefined },
      { statusCode: 206, reason: 'Partial Content', length: 12, keepAlive: true, headers: undefined },
    );
    const expected = { 'content-length': '12', etag: '"a b"', 'x-empty': '' };
    assert.deepEqual({ ...parseAnswerHead(head(...lines))?.headers }, expected);
    assert.equal(parseAnswerHead(head(...lines, 'Connection: Keep-Alive'))?.keepAlive, true);
    assert.equal(parseAnswerHead(head(...lines, 'connection: close'))?.keepAlive, false);
    assert.equal(parseAnswerHead(head('HTTP/1.1 200', 'content-length: 0'))?.length, 0);
  });

  for (const [what, lines] of Object.entries({
    'another version': ['HTTP/1.0 200 OK', 'content-length: 1'],
    'another status': ['HTTP/1.1 404 Not Found', 'content-length: 1'],
    'a status before the answer': ['HTTP/1.1 100 Continue'],
    'a body of unknown length': ['HTTP/1.1 200 OK'],
    'a length that is no number': ['HTTP/1.1 200 OK', 'content-length: 1, 1'],
    'a body in chunks': ['HTTP/1.1 200 OK', 'content-length: 1', 'transfer-encoding: chunked'],
    'two lengths': ['HTTP/1.1 200 OK', 'content-length: 1', 'Content-Length: 2'],
    'a header in two lines': ['HTTP/1.1 200 OK', 'content-length: 1', 'a: b', ' c'],
    'a space behind a name': ['HTTP/1.1 200 OK', 'content-length : 1'],
    'a line feed alone': ['HTTP/1.1 200 OK', 'content-length: 1', 'a: b\nc: d'],
    'no head': ['hello'],
  }))
    it(`is not plain with ${what}`, () => assert.equal(parseAnswerHead(head(...lines)), undefined));
});
