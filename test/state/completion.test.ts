import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { clearCompletion, completionWatcher, markComplete, readCompletion } from '../../src/state/completion.js';

const FILE = 'live_migration_status.json';
const not = { state: 'NOT_COMPLETED', endTime: null };
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-completion-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the completion record', () => {
  test("is the Sidecar's, under the Sidecar's name, and leaves nothing beside it", () => {
    expect(readCompletion(dir)).toEqual(not);
    expect(markComplete(dir, 1731000900000)).toEqual({ state: 'COMPLETED', endTime: 1731000900000 });
    expect(readFileSync(join(dir, FILE), 'utf8').trim()).toBe('{"state":"COMPLETED","endTime":1731000900000}');
    expect(readCompletion(dir)).toEqual({ state: 'COMPLETED', endTime: 1731000900000 });
    expect(readdirSync(dir)).toEqual([FILE]);
    expect(statSync(join(dir, FILE)).mode & 0o777).toBe(0o600);
  });

  test('is written once; the refusal says when', () => {
    markComplete(dir, 1731000900000);
    expect(() => markComplete(dir)).toThrow(
      expect.objectContaining({
        ...{ code: 'refused', kind: 'already-complete' },
        message: 'this migration is already complete, since 2024-11-07T17:35:00.000Z',
      }),
    );
    expect(readCompletion(dir).endTime).toBe(1731000900000);
    expect(readdirSync(dir)).toEqual([FILE]);
  });

  test('is cleared, and can be written again', () => {
    expect(clearCompletion(dir)).toBe(false);
    markComplete(dir);
    expect(clearCompletion(dir)).toBe(true);
    expect(readCompletion(dir)).toEqual(not);
    markComplete(dir);
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"state":"COMPLETED"}',
    '{"state":"COMPLETED","endTime":null}',
    '{"state":"COMPLETED","endTime":"1"}',
    '{"state":"completed","endTime":1}',
  ])('damaged, is an error and never "not complete": %j', (text) => {
    writeFileSync(join(dir, FILE), text);
    const local = expect.objectContaining({ code: 'local', message: expect.stringContaining(join(dir, FILE)) });
    expect(() => readCompletion(dir)).toThrow(local);
    expect(() => completionWatcher(dir)()).toThrow(local);
    expect(() => markComplete(dir)).toThrow(local);
  });
});

describe('completionWatcher', () => {
  test('sees what other processes write', () => {
    const completion = completionWatcher(dir);
    expect(completion()).toEqual(not);
    markComplete(dir, 1);
    expect(completion()).toEqual({ state: 'COMPLETED', endTime: 1 });
    clearCompletion(dir);
    expect(completion()).toEqual(not);
    markComplete(dir, 22);
    expect(completion().endTime).toBe(22);
  });

  test('names the record that it cannot examine', () => {
    writeFileSync(join(dir, 'file'), '');
    const message = `cannot read ${join(dir, 'file', FILE)}: ENOTDIR`;
    expect(() => completionWatcher(join(dir, 'file'))()).toThrow(expect.objectContaining({ code: 'local', message }));
  });

  test('reads the file again only when it has changed', () => {
    const completion = completionWatcher(dir);
    markComplete(dir);
    expect(completion()).toBe(completion()); // the very same object
  });
});
