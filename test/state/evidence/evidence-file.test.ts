import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  appendEvidence,
  evidenceIn,
  instanceOf,
  keepEvidence,
  keptDir,
  listKept,
  readEvidence,
  trimEvidence,
} from '../../../src/state/evidence/evidence-file.js';
import type { EvidenceRecord } from '../../../src/state/evidence/records.js';
import { Series } from '../../../src/state/evidence/series.js';

let stateDir: string;
let dir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'lm-evidence-'));
  dir = join(stateDir, 'one');
  mkdirSync(dir);
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const warned = (run: string): EvidenceRecord => ({ type: 'warned', run, text: `of ${run}` });
const pass = (run: string, points: number): EvidenceRecord => ({
  type: 'pass',
  run,
  beganMs: 1,
  pass: { iteration: 0 } as never,
  times: {},
  series: Array.from({ length: points }, (_, i) => [i, i] as const),
});
const recordsIn = (): EvidenceRecord[] => readEvidence(dir)!.records.map(({ record }) => record);

describe('the file of evidence', () => {
  test('gives back what was written, readable by its owner alone', () => {
    appendEvidence(dir, warned('a'), 7);
    appendEvidence(dir, warned('b'), 8);
    expect(readEvidence(dir)).toEqual({
      records: [
        { atMs: 7, record: warned('a') },
        { atMs: 8, record: warned('b') },
      ],
      damaged: 0,
    });
    expect(statSync(evidenceIn(dir)).mode & 0o777).toBe(0o600);
    expect(readEvidence(stateDir)).toBeUndefined();
  });

  test('is read whatever byte a crash has cut it at, and the next record stays whole', () => {
    appendEvidence(dir, warned('a'), 7);
    appendEvidence(dir, warned('b'), 8);
    const whole = readFileSync(evidenceIn(dir));
    const first = whole.indexOf('\n') + 1;
    const ends = [0, first, whole.length];
    for (let cut = 0; cut <= whole.length; cut++) {
      writeFileSync(evidenceIn(dir), whole.subarray(0, cut));
      const told = [warned('a'), warned('b')].slice(
        0,
        ends.findLastIndex((end) => end <= cut),
      );
      expect(recordsIn()).toEqual(told);
      appendEvidence(dir, warned('c'));
      const mended = [warned('a'), warned('b')].slice(
        0,
        ends.findLastIndex((end) => end <= cut + 1),
      ); // a missing newline alone is mended
      expect(recordsIn()).toEqual([...mended, warned('c')]);
      expect(readEvidence(dir)!.damaged).toBe(ends.includes(cut) || ends.includes(cut + 1) ? 0 : 1);
    }
  });

  test('a line that was changed, or that another version wrote, is counted and left out', () => {
    appendEvidence(dir, warned('a'), 7);
    const line = readFileSync(evidenceIn(dir), 'utf8');
    appendFileSync(evidenceIn(dir), line.replace('of a', 'of x'));
    expect(readEvidence(dir)).toMatchObject({ records: [{ record: warned('a') }], damaged: 1 });
  });

  test('one that is too long loses the oldest samples first, then the oldest records, and says so', () => {
    for (const run of ['a', 'b', 'c']) appendEvidence(dir, pass(run, 100));
    const length = statSync(evidenceIn(dir)).size;
    trimEvidence(dir, length);
    expect(statSync(evidenceIn(dir)).size).toBe(length);

    trimEvidence(dir, length - 1);
    const [a, b, c, told] = recordsIn();
    expect([a, b, c].map((record) => 'series' in record!)).toEqual([false, true, true]);
    expect(told).toEqual({ type: 'trimmed', series: 1, records: 0 });
    expect(statSync(evidenceIn(dir)).size).toBeLessThan(length * 0.8);

    trimEvidence(dir, 300);
    expect(recordsIn().at(-1)).toMatchObject({ type: 'trimmed', series: 2 });
    expect(statSync(evidenceIn(dir)).size).toBeLessThan(400);
  });

  test('what is kept is found again under the name of its migration and the time', () => {
    expect(keepEvidence(dir, 'reset')).toBeUndefined();
    appendEvidence(dir, warned('a'));
    writeFileSync(join(dir, 'manifest'), 'digests');
    const name = keepEvidence(dir, 'reset', Date.UTC(2026, 11, 1, 0, 40, 11, 5))!;
    expect(name).toBe('one.2026-12-01T00-40-11Z');
    expect(instanceOf(name)).toBe('one');
    expect(listKept(stateDir)).toEqual([name]);
    expect(existsSync(evidenceIn(dir))).toBe(false);
    expect(readEvidence(keptDir(stateDir, name))!.records.map(({ record }) => record)).toEqual([
      warned('a'),
      { type: 'ended', how: 'reset' },
    ]);
    expect(readFileSync(join(keptDir(stateDir, name), 'manifest'), 'utf8')).toBe('digests');
    appendEvidence(dir, warned('b'));
    expect(listKept(stateDir)).toEqual([name]);
    expect(keepEvidence(dir, 'forgotten', Date.UTC(2027, 0))).toBe('one.2027-01-01T00-00-00Z');
    expect(listKept(stateDir)).toEqual([name, 'one.2027-01-01T00-00-00Z']);
  });
});

test.each([0, 1, 199, 200, 201, 5_000, 100_000])(
  '%d samples become 200 points at most, the last among them',
  (samples) => {
    const series = new Series();
    for (let i = 0; i < samples; i++) series.add(i * 500, i);
    const points = series.points();
    expect(points.length).toBeLessThanOrEqual(200);
    expect(points.at(-1)).toEqual(samples === 0 ? undefined : [(samples - 1) * 500, samples - 1]);
    expect(points.length).toBeGreaterThanOrEqual(Math.min(samples, 100));
    for (const [i, [ms]] of points.entries()) if (i > 0) expect(ms).toBeGreaterThan(points[i - 1]![0]);
  },
);
