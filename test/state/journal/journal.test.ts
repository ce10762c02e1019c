import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LmError } from '../../../src/errors.js';
import { type Line, mayBeUnsynced } from '../../../src/state/journal/history.js';
import { linesOf, openJournal, readJournal } from '../../../src/state/journal/journal.js';
import type { JournalRecord } from '../../../src/state/journal/records.js';
import { seal } from '../../../src/state/sealed-lines.js';

const copy = (run: string): JournalRecord => ({
  type: 'run-started',
  run,
  command: 'copy',
  boot: 'b1',
  source: 'http://source:9043',
});
const part: JournalRecord = {
  type: 'part-started',
  key: 'data/0/ks/é\n.db',
  size: '9007199254740993',
  mtimeNs: '-1',
  ino: '7',
  partIno: '8',
};
const range: JournalRecord = { type: 'range-done', key: part.key, offset: 0, length: 67108864 };
const records: JournalRecord[] = [copy('r1'), part, range, { type: 'copy-ended', run: 'r1', exitCode: 130 }];
const bytes = Buffer.from(records.map((record, i) => seal(record, 1000 + i)).join(''));
const lines: Line[] = records.map((record, i) => ({ atMs: 1000 + i, record }));

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-journal-'));
  path = join(dir, 'journal.jsonl');
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What is read, or undefined when the journal is refused; any other failure is one of the test. */
function read(damaged: Buffer): Line[] | undefined {
  try {
    return linesOf(damaged, 'j');
  } catch (error) {
    if (error instanceof LmError && error.code === 'local') return undefined;
    throw error;
  }
}

describe('the lines of a journal', () => {
  test('are what was written', () => expect(linesOf(bytes, 'j')).toEqual(lines));

  test('cut anywhere, are the whole ones before the cut', () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = bytes.subarray(0, cut).toString('latin1').split('\n').length - 1;
      expect(linesOf(bytes.subarray(0, cut), 'j')).toEqual(lines.slice(0, whole));
    }
  });

  test('with any bit flipped, hold no record that was not written, and lose one or two at most', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const sound = read(flipped)!.filter((line) => line !== 'damaged');
      const kept = lines.filter((line) => sound.some((other) => JSON.stringify(other) === JSON.stringify(line)));
      expect(sound).toEqual(kept);
      expect(kept.length).toBeGreaterThanOrEqual(lines.length - 2);
    }
  });

  test.each([
    ['not a journal', 'hello\n', 'the journal j is not a journal'],
    ['no line at all, which is not to be cut off as a torn one', 'hello', 'the journal j is not a journal'],
    ['all zeros', '\0\0\0\n\0\n', 'the journal j is not a journal'],
    [
      'another version',
      seal(copy('r'), 1).replace(/.*/, versionTwo),
      'the journal j is of version 2, this is version 1',
    ],
  ])('%s: refused, with a hint', (_, text, message) => {
    expect(() => linesOf(Buffer.from(text), 'j')).toThrow(
      expect.objectContaining({
        ...{ code: 'local', kind: 'damaged-record' },
        ...{ message, hint: expect.stringContaining('remove it') },
      }),
    );
  });
});

/** A line as a later lm may write it. */
function versionTwo(): string {
  return seal(Object.assign(copy('r'), { v: 2 }), 1).trim();
}

describe('the journal on disk', () => {
  test('is for the owner alone, and is read back after every record', () => {
    const journal = openJournal(dir);
    expect(readJournal(dir, 'b1')).toMatchObject({ damagedLines: 0, verified: false });
    for (const record of records) {
      journal.append(record);
      expect(linesOf(readFileSync(path), path).at(-1)).toMatchObject({ record });
    }
    journal.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readJournal(dir, 'b1').lastCopy).toMatchObject({ run: 'r1', exitCode: 130 });
  });

  test('is continued after a torn tail, without losing what comes next', () => {
    writeFileSync(path, bytes.subarray(0, -5));
    const journal = openJournal(dir);
    journal.append(copy('r2'));
    journal.close();
    const read = linesOf(readFileSync(path), path);
    expect(read.slice(0, -1)).toEqual(lines.slice(0, -1));
    expect(read.at(-1)).toMatchObject({ record: copy('r2') });
  });

  test('skips and counts a damaged line', () => {
    const damaged = Buffer.from(bytes);
    damaged[10]! ^= 1;
    writeFileSync(path, damaged);
    expect(readJournal(dir, 'b1').damagedLines).toBe(1);
  });

  test('takes nothing more once closed', () => {
    const journal = openJournal(dir);
    journal.close();
    expect(() => journal.append(copy('r1'))).toThrow(expect.objectContaining({ code: 'local' }));
  });

  test('unreadable, is an error', () => {
    mkdirSync(path);
    for (const act of [readJournal, openJournal])
      expect(() => act(dir)).toThrow(
        expect.objectContaining({ code: 'local', message: `cannot read ${path}: EISDIR` }),
      );
  });
});

describe('a long journal', () => {
  const published: JournalRecord = { type: 'part-ended', key: part.key };

  test.each<[string, Buffer]>([
    ['with no part unfinished', Buffer.concat([bytes, Buffer.from(seal(published, 1004))])],
    ['while a part is unfinished', bytes],
  ])('starts afresh %s, keeping what it amounted to and itself', (_, before) => {
    writeFileSync(path, before);
    const history = readJournal(dir, 'b1');
    const later = readJournal(dir, 'b2');
    openJournal(dir, before.length - 1).close();
    expect(readFileSync(path)).not.toEqual(before);
    expect(readJournal(dir, 'b1')).toEqual(history);
    expect(readJournal(dir, 'b2')).toEqual(later);
    expect(readFileSync(join(dir, 'journal.1.jsonl'))).toEqual(before);
  });

  test('is made short by the run that writes it, which goes on as the same run', () => {
    const journal = openJournal(dir, 1_000);
    journal.append(copy('r1'));
    journal.append(part);
    let longest = 0;
    for (let i = 0; i < 200; i++) {
      journal.append({ type: 'range-begun', key: part.key, offset: i * 10, length: 10 });
      journal.append({ type: 'range-done', key: part.key, offset: i * 10, length: 10, ctimeNs: '5' });
      longest = Math.max(longest, statSync(path).size);
    }
    journal.append({ type: 'copy-ended', run: 'r1', exitCode: 130 });
    journal.close();
    expect(longest).toBeLessThan(8_000 + 300);
    const { parts, lastCopy } = readJournal(dir, 'b1');
    expect(parts.get(part.key)?.done).toEqual([[0, 2_000, '5']]);
    expect(lastCopy).toMatchObject({ run: 'r1', exitCode: 130 });
  });

  test('still tells of a clock that was set back when it was started afresh', () => {
    const anHourAhead = Date.now() + 3_600_000;
    writeFileSync(path, seal(copy('r1'), anHourAhead));
    const journal = openJournal(dir, 0);
    journal.append(copy('r2'));
    journal.close();
    expect(readFileSync(path, 'latin1')).toContain('"type":"carried"');
    expect(mayBeUnsynced(readJournal(dir, 'b2'), Date.now())).toBe(true);
  });

  test.each<[string, Buffer, number]>([
    ['while it is short', Buffer.concat([bytes, Buffer.from(seal(published, 1004))]), 1e6],
    ['with a damaged line in it', Buffer.concat([bytes, Buffer.from(`x\n${seal(published, 1004)}`)]), 0],
  ])('goes on %s', (_, content, freshBytes) => {
    writeFileSync(path, content);
    openJournal(dir, freshBytes).close();
    expect(readFileSync(path)).toEqual(content);
  });
});
