import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type History, mayBeUnsynced } from '../../../src/state/journal/history.js';
import { linesOf, openJournal, readJournal } from '../../../src/state/journal/journal.js';
import type { JournalRecord } from '../../../src/state/journal/records.js';
import { seal } from '../../../src/state/sealed-lines.js';
import { codeOf, damage, fuzz, fuzzTimeoutMs } from '../../support/fuzz.js';

const dir = mkdtempSync(join(tmpdir(), 'lm-journal-'));
afterAll(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'journal.jsonl');

const run = fc.constantFrom('r1', 'r2', 'r3');
const boot = fc.constantFrom('A', 'B');
const key = fc.oneof(fc.constantFrom('data/0/x', 'data/0/é\n"'), fc.string({ unit: 'grapheme', maxLength: 8 }));
const mib = fc.nat(8).map((n) => n << 20);
const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({
    type: fc.constant('run-started' as const),
    run,
    command: fc.constantFrom('copy' as const, 'verify' as const),
    boot,
    source: fc.constant('http://s:9043'),
  }),
  fc.record({
    type: fc.constant('part-started' as const),
    ...{ key, size: fc.constant('8388608'), mtimeNs: fc.constant('5'), ino: run, partIno: run },
  }),
  fc.record({ type: fc.constant('range-done' as const), key, offset: mib, length: mib }),
  fc.record({ type: fc.constant('part-ended' as const), key }),
  fc.record({
    type: fc.constant('sync-point' as const),
    boot: fc.constant(''),
    beganMs: fc.nat(200),
    rechecked: fc.boolean(),
  }),
  fc.record({ type: fc.constant('copy-ended' as const), run, exitCode: fc.nat(9), final: fc.boolean() }),
  fc.record({
    type: fc.constant('verify-ended' as const),
    ...{ run, state: fc.constantFrom('COMPLETED' as const, 'FAILED' as const), exitCode: fc.nat(4) },
  }),
);
const records = fc.array(record, { minLength: 1, maxLength: 12 }).map(honest);
const bytesOf = (all: JournalRecord[]): Buffer => Buffer.from(all.map((one, i) => seal(one, 10 * i)).join(''));

/** No boot comes back. A sync point is of the run that was started last, and begins before it is written. */
function honest(all: JournalRecord[]): JournalRecord[] {
  let boot = 'A';
  return all.map((one, i) => {
    if (one.type === 'run-started') {
      if (boot === 'A') boot = one.boot;
      return { ...one, boot };
    }
    return one.type === 'sync-point' ? { ...one, boot, beganMs: Math.min(one.beganMs, 10 * i) } : one;
  });
}

/** Undefined when the journal is refused as a whole. */
function history(): History | undefined {
  try {
    return readJournal(dir, 'B');
  } catch (error) {
    expect(codeOf(error)).toBe('local');
    return undefined;
  }
}

test(
  'whatever became of a journal: only what was written is read, and the next record goes in',
  () => {
    fc.assert(
      fc.property(records, damage, record, (written, harm, next) => {
        const sound = bytesOf(written);
        const bytes = harm(sound);
        writeFileSync(path, bytes);
        if (!history()) return; // refused, by name: an operator decides
        const lines = linesOf(bytes, path).filter((line) => line !== 'damaged');
        const originals = written.map((one, i) => JSON.stringify({ atMs: 10 * i, record: one }));
        for (const line of lines) expect(originals).toContain(JSON.stringify(line));
        const journal = openJournal(dir);
        journal.append(next);
        journal.close();
        expect(linesOf(readFileSync(path), path).at(-1)).toMatchObject({ record: next });
      }),
      fuzz(700),
    );
  },
  fuzzTimeoutMs,
);

test(
  'a journal that lost its end, or any line of it, trusts no byte more',
  () => {
    const trusted = (of: History | undefined): Set<string> =>
      new Set(
        [...(of?.parts ?? [])].flatMap(([key, { done, size, ino }]) =>
          done.flatMap(([offset, length]) =>
            Array.from({ length: length >> 20 }, (_, i) => `${key}|${size}|${ino}|${offset + (i << 20)}`),
          ),
        ),
      );
    fc.assert(
      fc.property(records, fc.nat(), fc.nat(255), (written, at, byte) => {
        writeFileSync(path, bytesOf(written));
        const before = history()!;
        const bytes = bytesOf(written);
        bytes[at % bytes.length] = byte;
        writeFileSync(path, bytes);
        const after = history();
        if (!after || after.damagedLines === 0) return;
        for (const one of trusted(after)) expect(trusted(before)).toContain(one);
        if (!before.verified) expect(after.verified).toBe(false);
        for (const ctimeMs of [0, 50, 1e6])
          if (mayBeUnsynced(before, ctimeMs)) expect(mayBeUnsynced(after, ctimeMs)).toBe(true);
      }),
      fuzz(700),
    );
  },
  fuzzTimeoutMs,
);
