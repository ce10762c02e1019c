import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type ReferenceRow, readReference, recordReference } from '../../../src/state/journal/reference.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-reference-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const HEAD = { complete: true, adopted: false, exclusions: '[]', roots: { 'data/0': 3 } };
const ROWS: ReferenceRow[] = [
  ['data/0/ks/é\n', 2, 2 ** 52, 3, 7, 0, 1],
  ['data/0', 0, 0, 1, 1, 0, 0],
];

test('is read as it was recorded, with a limit of either kind or none', () => {
  expect(readReference(dir)).toBeUndefined();
  for (const limit of [undefined, { kind: 'share', share: 0.2 }, { kind: 'count', entries: 7 }] as const) {
    const head = { ...HEAD, ...(limit && { limit }) };
    recordReference(dir, head, ROWS);
    expect(readReference(dir)).toMatchObject({ head, rows: ROWS });
  }
});

test('cut short or changed anywhere, it is reported as damaged', () => {
  recordReference(dir, HEAD, ROWS);
  const path = join(dir, 'reference.jsonl');
  const text = readFileSync(path);
  for (let at = 0; at < text.length; at++) {
    writeFileSync(path, text.subarray(0, at));
    expect(readReference(dir)).toBe('damaged');
    const changed = Buffer.from(text);
    changed[at]! ^= 1;
    writeFileSync(path, changed);
    expect(readReference(dir)).toBe('damaged');
  }
});
