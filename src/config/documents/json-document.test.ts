import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonDocument } from './json-document.ts';
import { readYamlDocument } from './yaml-document.ts';

const documents = [
  '{"a": {"b": [1, 2.5, true, null, "x: \\"y\\": z"]}, "c": ""}',
  '{"password": 1e3, "port": 5432, "zeros": 1.0, "large": 12345678901234567890}',
  '{"text\\\\": "\\u00e4\\n", "a:": ":"}',
  '[]',
  '"text"',
  '7',
];

test('a JSON text has the same value as by the YAML parser', () => {
  for (const text of documents)
    assert.deepEqual(parseJsonDocument(text), { value: readYamlDocument(text).value }, text);
});

test('what is no JSON, or has a key twice, is left to the YAML parser', () => {
  for (const text of ['', 'a: 1', '{"a": 1, }', '{"a": 1, "a": 2}', '{"b": [{"a": 1, "\\u0061": 2}]}'])
    assert.equal(parseJsonDocument(text), undefined, text);
});
