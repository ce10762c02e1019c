import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readRemembered, remember } from '../../src/state/remembered.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-remembered-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('remembers the last, leaves no temporary file', () => {
  expect(readRemembered(dir)).toBeUndefined();
  remember(dir, { url: 'http://a:9043' });
  remember(dir, { url: 'http://b:9043', root: ['data=/srv/data'], concurrency: 4 });
  expect(readRemembered(dir)).toEqual({ url: 'http://b:9043', root: ['data=/srv/data'], concurrency: 4 });
  expect(readdirSync(dir)).toEqual(['remembered.json']);
});

test.each(['', '{"url":', 'null', '[1]', '3'])('damaged, it is an error naming the file and what to do: %j', (text) => {
  writeFileSync(join(dir, 'remembered.json'), text);
  expect(() => readRemembered(dir)).toThrow(
    expect.objectContaining({
      code: 'local',
      message: expect.stringContaining(join(dir, 'remembered.json')),
      hint: expect.stringContaining('remove that file'),
    }),
  );
});

test('a write that fails is an error', () => {
  expect(() => remember(join(dir, 'absent'), {})).toThrow(expect.objectContaining({ code: 'local' }));
});
