import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { carryHistory, foldHistory, type Line, mayBeUnsynced } from '../../../src/state/journal/history.js';
import type { ByProofs, JournalRecord, Limits } from '../../../src/state/journal/records.js';

const KEY = 'data/0/big.db';
const copy = (run: string, boot = 'A'): JournalRecord => ({
  type: 'run-started',
  run,
  command: 'copy',
  boot,
  source: 'http://s:9043',
});
const verify = (run: string, boot = 'A'): JournalRecord => ({ ...copy(run, boot), command: 'verify' }) as JournalRecord;
const verified = (run: string, state: 'COMPLETED' | 'FAILED' | 'CANCELLED' = 'COMPLETED'): JournalRecord => ({
  type: 'verify-ended',
  run,
  state,
  exitCode: state === 'COMPLETED' ? 0 : 4,
});
const ofLive = (run: string): JournalRecord => ({
  type: 'verify-ended',
  run,
  state: 'COMPLETED',
  exitCode: 0,
  live: true,
});
const byOthers = (run: string): JournalRecord => ({
  type: 'verify-ended',
  run,
  state: 'COMPLETED',
  exitCode: 0,
  otherExclusions: true,
});
const byProofs = (run: string, how: ByProofs & Limits): JournalRecord =>
  ({ ...verified(run), ...how }) as JournalRecord;
const ended = (run: string, exitCode = 0, final = false): JournalRecord => ({
  type: 'copy-ended',
  run,
  exitCode,
  final,
});
const promise = { size: '1000', mtimeNs: '5', ino: '6', partIno: '8' };
const known = { size: '1000', mtimeNs: '5', ino: '6', partId: '8' };
const partEnded: JournalRecord = { type: 'part-ended', key: KEY };
const part: JournalRecord = { type: 'part-started', key: KEY, ...promise };
const range = (offset: number, length: number): JournalRecord => ({ type: 'range-done', key: KEY, offset, length });
const sync = (beganMs: number, boot = 'A', rechecked = false): JournalRecord => ({
  type: 'sync-point',
  boot,
  beganMs,
  rechecked,
});

/** The first record is written at 10 s, the next ten seconds later each. */
const at = (...records: (JournalRecord | 'damaged')[]): Line[] => after(0, ...records);
const after = (ms: number, ...records: (JournalRecord | 'damaged')[]): Line[] =>
  records.map((record, i) => (record === 'damaged' ? record : { atMs: ms + (i + 1) * 10_000, record }));
const carried = (...records: JournalRecord[]): JournalRecord[] => carryHistory(at(...records), 10)!;
const fold = (boot: string, ...records: (JournalRecord | 'damaged')[]) => foldHistory(at(...records), boot);

describe('unfinished parts', () => {
  test.each<[string, (JournalRecord | 'damaged')[], string, [number, number][] | undefined]>([
    ['nothing done', [copy('1'), part], 'A', []],
    [
      'ranges, merged and in order',
      [copy('1'), part, range(300, 100), range(0, 100), range(100, 50)],
      'A',
      [
        [0, 150],
        [300, 100],
      ],
    ],
    ['ranges that overlap', [copy('1'), part, range(0, 100), range(50, 10)], 'A', [[0, 100]]],
    ['started over', [copy('1'), part, range(0, 100), part, range(100, 100)], 'A', [[100, 100]]],
    ['published or given up', [copy('1'), part, range(0, 100), partEnded], 'A', undefined],
    ['a copy that was interrupted', [copy('1'), part, range(0, 100), ended('1', 130)], 'A', [[0, 100]]],
    ['a final pass that reached its goal', [copy('1'), part, range(0, 100), ended('1', 0, true)], 'A', undefined],
    ['a final pass that did not', [copy('1'), part, range(0, 100), ended('1', 3, true)], 'A', [[0, 100]]],
    ['a copy that was content with less', [copy('1'), part, range(0, 100), ended('1')], 'A', [[0, 100]]],
    ['a range of no part', [copy('1'), range(0, 100)], 'A', undefined],
    ['another run, same boot', [copy('1'), part, range(0, 100), copy('2'), range(100, 10)], 'A', [[0, 110]]],
    ['after a boot, never synced', [copy('1'), part, range(0, 100)], 'B', []],
    ['after a boot, synced', [copy('1'), part, range(0, 100), sync(35_000), range(100, 10)], 'B', [[0, 100]]],
    ['after a boot, done while the sync went on', [copy('1'), part, range(0, 100), sync(25_000)], 'B', []],
    [
      'after a boot, synced by the next boot only',
      [copy('1'), part, range(0, 100), copy('2', 'B'), sync(45_000, 'B')],
      'C',
      [],
    ],
    ['fetched again after a boot', [copy('1'), part, range(0, 9), copy('2', 'B'), range(0, 5)], 'B', [[0, 5]]],
    ['a damaged line, then another run', ['damaged', copy('1'), part, range(0, 100)], 'A', [[0, 100]]],
    ['a damaged line, which may have recorded another boot', [copy('1'), 'damaged', part, range(0, 100)], 'A', []],
    ['a damaged line, that may have started it over', [copy('1'), part, 'damaged', range(0, 100)], 'A', undefined],
  ])('%s', (_, records, boot, done) => {
    expect(fold(boot, ...records).parts.get(KEY)).toEqual(done && { ...known, done, begun: [] });
  });
});

test.each<[string, JournalRecord[], 'done' | 'begun']>([
  ['before the disk failed', [range(0, 10), ended('1', 8)], 'begun'],
  ['before it failed, synced afterwards', [range(0, 10), ended('1', 8), copy('2'), sync(60_000)], 'begun'],
  ['that was on disk before it failed', [range(0, 10), sync(35_000), ended('1', 8)], 'done'],
  ['after it failed', [ended('1', 8), copy('2'), range(0, 10)], 'done'],
])('a range %s', (_, records, as) => {
  const found = fold('A', copy('1'), part, ...records).parts.get(KEY);
  expect(found).toMatchObject({ done: [], begun: [], [as]: [[0, 10]] });
});

test('a part is known by the birth time of its inode too', () => {
  const born: JournalRecord = { type: 'part-started', key: KEY, ...promise, partBirthNs: '99' };
  expect(fold('A', copy('1'), born).parts.get(KEY)).toMatchObject({ partId: '8@99' });
});

describe('ranges of a part', () => {
  const begun = (offset: number, length: number): JournalRecord => ({ type: 'range-begun', key: KEY, offset, length });
  const under = (offset: number, length: number, ctimeNs: string, young?: true): JournalRecord => ({
    ...(range(offset, length) as Extract<JournalRecord, { type: 'range-done' }>),
    ctimeNs,
    ...(young && { young }),
  });
  test.each<[string, string, JournalRecord[], unknown[], unknown[]]>([
    ['begun and not heard of again', 'A', [begun(0, 64)], [], [[0, 64]]],
    ['begun before another boot', 'B', [begun(0, 64)], [], []],
    ['begun, and proved up to somewhere', 'A', [begun(0, 64), under(0, 9, '7')], [[0, 9, '7']], [[0, 64]]],
    ['proved under one ctime', 'A', [under(0, 9, '7'), under(9, 1, '7')], [[0, 10, '7']], []],
    [
      'proved under two',
      'A',
      [under(9, 1, '8'), under(0, 9, '7'), range(20, 1)],
      [
        [0, 9, '7'],
        [9, 1, '8'],
        [20, 1],
      ],
      [],
    ],
    ['read while the file was young', 'A', [under(0, 9, '7', true)], [], [[0, 9]]],
    ['proved before another boot, never synced', 'B', [under(0, 9, '7')], [], []],
    ['proved before another boot, and synced', 'B', [under(0, 9, '7'), sync(35_000)], [[0, 9, '7']], []],
  ])('%s', (_, boot, records, done, begun) => {
    expect(fold(boot, copy('1'), part, ...records).parts.get(KEY)).toEqual({ ...known, done, begun });
  });
});

describe('verified', () => {
  test.each<[boolean, string, (JournalRecord | 'damaged')[]]>([
    [false, 'nothing', []],
    [false, 'a copy only', [copy('1'), ended('1')]],
    [true, 'a verification after the copy', [copy('1'), ended('1'), verify('2'), verified('2')]],
    [true, 'no copy at all', [verify('2'), verified('2')]],
    [false, 'differences', [copy('1'), ended('1'), verify('2'), verified('2', 'FAILED')]],
    [false, 'differences found later', [verify('2'), verified('2'), verify('3'), verified('3', 'FAILED')]],
    [true, 'a later verification that never ended', [verify('2'), verified('2'), verify('3')]],
    [false, 'one of a live source', [copy('1'), ended('1'), verify('2'), ofLive('2')]],
    [false, 'one by other exclusions', [copy('1'), ended('1'), verify('2'), byOthers('2')]],
    [true, 'one by other exclusions after another', [verify('2'), verified('2'), verify('3'), byOthers('3')]],
    [true, 'one of a live source after another', [verify('2'), verified('2'), verify('3'), ofLive('3')]],
    [
      true,
      'an incremental one',
      [copy('1'), ended('1'), verify('2'), byProofs('2', { incremental: true, oldestMs: 5 })],
    ],
    [false, 'one of this side alone', [copy('1'), ended('1'), verify('2'), byProofs('2', { offline: true })]],
    [
      true,
      'one of this side alone after another',
      [verify('2'), verified('2'), verify('3'), byProofs('3', { offline: true })],
    ],
    [
      false,
      'one of a live source that has more to copy',
      [verify('2'), verified('2'), verify('3'), byProofs('3', { live: true, notYetCopied: true })],
    ],
    [false, 'another copy since, ended or not', [verify('2'), verified('2'), copy('3')]],
    [false, 'a damaged line since', [verify('2'), verified('2'), 'damaged']],
    [true, 'a damaged line before', ['damaged', verify('2'), verified('2')]],
  ])('%s after %s', (expected, _, records) => expect(fold('A', ...records).verified).toBe(expected));
});

describe('the last runs', () => {
  test('a verification is known with what it took from earlier reads, after a carry too', () => {
    const records = [copy('1'), ended('1'), verify('2'), byProofs('2', { incremental: true, oldestMs: 5 })];
    for (const journal of [records, carried(...records)])
      expect(fold('A', ...journal).lastVerify).toMatchObject({ run: '2', incremental: true, oldestMs: 5 });
    expect(fold('A', verify('2'), verified('2')).lastVerify).not.toHaveProperty('incremental'); // a journal of an older lm
  });

  test('a copy is known from its start, and how it ended from its end', () => {
    expect(fold('A', copy('1')).lastCopy).toEqual({ run: '1', atMs: 10_000 });
    const { lastCopy, lastVerify, lastRun } = fold('A', copy('1'), ended('1', 3), verify('2'), verified('2', 'FAILED'));
    expect(lastCopy).toEqual({ run: '1', atMs: 10_000, endedMs: 20_000, exitCode: 3 });
    expect(lastVerify).toEqual({ run: '2', state: 'FAILED', exitCode: 4, atMs: 40_000 });
    expect(lastRun).toEqual({ run: '2', command: 'verify', source: 'http://s:9043', atMs: 30_000 });
  });
});

describe('what may be lost after the machine went down', () => {
  const beforeCopy = 5_000;
  const early = 13_000;
  const late = 33_000;
  test.each<[string, string, (JournalRecord | 'damaged')[], number[]]>([
    ['nothing under the same boot', 'A', [copy('1')], []],
    ['all since the copy began', 'B', [copy('1')], [early, late]],
    ['all since the sync point began', 'B', [copy('1'), sync(25_000)], [late]],
    ['up to the first run of the next boot', 'B', [copy('1'), copy('2', 'B')], [early]],
    ['that too, after another boot', 'C', [copy('1'), copy('2', 'B')], [early, late]],
    ['not healed by a later sync', 'B', [copy('1'), copy('2', 'B'), sync(26_000, 'B')], [early]],
    ['healed when it was read again', 'B', [copy('1'), copy('2', 'B'), sync(26_000, 'B', true)], []],
    ['healed by a verification', 'B', [copy('1'), verify('2', 'B'), verified('2')], []],
    ['not by one with differences', 'B', [copy('1'), verify('2', 'B'), verified('2', 'FAILED')], [early]],
    ['nothing a verification did', 'B', [verify('2'), verified('2')], []],
    ['all since a damaged line', 'A', [copy('1'), 'damaged'], [early, late]],
    [
      'all since a damaged line, although a verification began',
      'B',
      ['damaged', verify('2')],
      [beforeCopy, early, late],
    ],
    ['and although it found no difference', 'B', ['damaged', verify('2'), verified('2')], [beforeCopy, early, late]],
    ['under a boot that seemed another for a while', 'C', [copy('1'), copy('2', 'B'), copy('3')], [early, late]],
    ['up to the next copy', 'B', ['damaged', copy('2', 'B')], [beforeCopy, early]],
    ['what the lost run went on to write', 'B', ['damaged', sync(25_000, 'A', true)], [late]],
  ])('%s', (_, boot, records, unsynced) => {
    const history = fold(boot, ...records);
    expect([beforeCopy, early, late].filter((ctimeMs) => mayBeUnsynced(history, ctimeMs))).toEqual(unsynced);
  });
});

describe('young files', () => {
  const young = (...keys: string[]): JournalRecord => ({ type: 'young', keys });
  const settled = (keys: string[], since?: boolean): JournalRecord => ({
    type: 'settled',
    keys,
    ...(since && { since }),
  });
  const since = (mtimeNs: string): JournalRecord => ({ type: 'young-since', mtimeNs });
  const outcomes = ({ young, youngSinceNs }: ReturnType<typeof fold>) => [[...young].join(' '), youngSinceNs];
  test.each<[string, (JournalRecord | 'damaged')[], string, string | undefined]>([
    ['none', [copy('1'), ended('1')], '', undefined],
    ['known until a digest has settled them', [copy('1'), young('a', 'b'), settled(['a'])], 'b', undefined],
    ['young again', [copy('1'), young('a'), settled(['a']), young('a')], 'a', undefined],
    ['in whatever run, killed or ended', [copy('1'), young('a'), copy('2'), ended('2', 0, true)], 'a', undefined],
    [
      'a verification does not say that they were old when it read them',
      [young('a'), verify('2'), verified('2')],
      'a',
      undefined,
    ],
    ['too many to be named: by the earliest time', [since('-7'), since('5'), young('a')], 'a', '-7'],
    ['too many, all settled', [since('7'), young('a'), settled([], true)], 'a', undefined],
    ['a damaged line settles nothing', [young('a'), since('7'), 'damaged'], 'a', '7'],
    ['carried over', carried(copy('1'), young('a'), since('7')), 'a', '7'],
    ['of a journal that knew none', carried(copy('1')), '', undefined],
  ])('%s', (_, records, keys, sinceNs) => expect(outcomes(fold('A', ...records))).toEqual([keys, sinceNs]));
});

describe('a clock that is set back', () => {
  const at0 = (atMs: number, record: JournalRecord): Line => ({ atMs, record });

  test('makes what is written afterwards unsynced, although it seems older than the copy', () => {
    const lines = [at0(100_000, copy('1', 'A')), at0(50_000, range(0, 10))];
    expect(mayBeUnsynced(foldHistory(lines, 'B'), 60_000)).toBe(true);
  });

  test('over a reboot does not end an unsynced period', () => {
    const lines = [at0(100_000, copy('1', 'A')), at0(50_000, copy('2', 'B'))];
    expect(mayBeUnsynced(foldHistory(lines, 'B'), 100_500)).toBe(true);
  });

  test('makes no sync point cover what was written after it', () => {
    const lines = [
      at0(100_000, copy('1', 'A')),
      at0(100_001, part),
      at0(200_000, sync(200_000, 'A')),
      at0(150_000, range(0, 10)),
    ];
    expect(foldHistory(lines, 'B').parts.get(KEY)?.done).toEqual([]);
  });
});

describe('laws', () => {
  const runs = fc.constantFrom('1', '2', '3');
  const boots = fc.constantFrom('A', 'B', 'C');
  const anyRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
    fc.tuple(runs, boots).map(([run, boot]) => copy(run, boot)),
    fc.tuple(runs, boots).map(([run, boot]) => verify(run, boot)),
    fc
      .tuple(runs, fc.constantFrom('COMPLETED' as const, 'FAILED' as const))
      .map(([run, state]) => verified(run, state)),
    fc.tuple(runs, fc.integer({ min: 0, max: 6 })).map(([run, code]) => ended(run, code)),
    fc.tuple(fc.integer({ min: 0, max: 200_000 }), boots, fc.boolean()).map((args) => sync(...args)),
    fc.constantFrom(part, range(0, 10), range(10, 10), range(40, 10)),
    fc.subarray(['a', 'b', 'c']).map((keys): JournalRecord => ({ type: 'young', keys })),
    fc
      .tuple(fc.subarray(['a', 'b', 'c']), fc.boolean())
      .map(([keys, since]): JournalRecord => ({ type: 'settled', keys, since })),
    fc.constantFrom('-5', '0', '70').map((mtimeNs): JournalRecord => ({ type: 'young-since', mtimeNs })),
  );
  const anyRecords = fc.array(anyRecord, { maxLength: 12 });

  const covered = (lines: Line[], boot: string): Set<number> =>
    new Set(
      (foldHistory(lines, boot).parts.get(KEY)?.done ?? []).flatMap(([offset, length]) =>
        Array.from({ length }, (_, i) => offset + i),
      ),
    );

  test('a journal started afresh has the same history, whatever comes next, and proves no more of a part', () => {
    fc.assert(
      fc.property(anyRecords, anyRecords, boots, (before, later, boot) => {
        const lines = at(...before);
        const next = after(1e6, ...later);
        const fresh = carryHistory(lines, 10)!.map((record): Line => ({ atMs: 0, record }));
        const { parts, ...story } = foldHistory([...fresh, ...next], boot);
        const { parts: partsBefore, ...storyBefore } = foldHistory([...lines, ...next], boot);
        expect(story).toEqual(storyBefore);
        expect([...parts.keys()]).toEqual([...partsBefore.keys()]);
        const trusted = covered([...lines, ...next], boot);
        expect([...covered([...fresh, ...next], boot)].filter((byte) => !trusted.has(byte))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('what is known of a part is carried over, as short as it can be', () => {
    const begun = (offset: number, length: number): JournalRecord => ({
      type: 'range-begun',
      key: KEY,
      offset,
      length,
    });
    const under = (offset: number, ctimeNs: string): JournalRecord =>
      ({ ...range(offset, 10), ctimeNs }) as JournalRecord;
    const lines = at(
      copy('1'),
      part,
      ...[20, 0, 10].map((at) => range(at, 10)),
      begun(100, 50),
      under(30, '7'),
      under(40, '7'),
    );
    const records = carryHistory(lines, 10)!;
    expect(records.map(({ type }) => type)).toEqual(['carried', 'part-carried']);
    expect(records[1]).toMatchObject({
      ranges: [{ offset: 0, length: 30 }, { offset: 30, length: 20 }, { offset: 100 }],
    });
    const fresh = records.map((record): Line => ({ atMs: 0, record }));
    expect(foldHistory(fresh, 'A')).toEqual(foldHistory(lines, 'A'));
    expect(foldHistory(fresh, 'B').parts.get(KEY)?.done).toEqual([]);
  });

  describe('the hashes of blocks', () => {
    const MiB = 2 ** 20;
    const hash = (n: number): number[] => Array(8).fill(n);
    const hashed = (offset: number, blocks: number[], more: object = {}): JournalRecord =>
      ({
        ...{ type: 'range-done', key: KEY, offset: offset * MiB, length: blocks.length * MiB, ctimeNs: '7' },
        blocks: Buffer.from(blocks.flatMap(hash)).toString('base64'),
        ...more,
      }) as JournalRecord;
    const known = (boot: string, ...records: JournalRecord[]) => {
      const { blocks = [] } = foldHistory(at(copy('1'), part, ...records), boot).parts.get(KEY)!;
      return blocks.map(({ offset, blocks, ctimeNs }) => [
        offset / MiB,
        [...blocks].filter((_, i) => i % 8 === 0),
        ctimeNs,
      ]);
    };
    const carriedOver = (...records: JournalRecord[]): JournalRecord[] =>
      carryHistory(at(copy('1'), part, ...records), 10)!.slice(1);

    test('are those of the ranges that are here', () => {
      expect(known('A', hashed(0, [1, 2]), hashed(4, [5], { ctimeNs: '8' }))).toEqual([
        [0, [1, 2], '7'],
        [4, [5], '8'],
      ]);
    });

    test.each<[string, JournalRecord]>([
      ['without hashes, as of lm 0.1.0', hashed(0, [1], { blocks: undefined })],
      ['with fewer hashes than blocks', hashed(0, [1], { length: MiB + 1 })],
      ['that was young', hashed(0, [1], { young: true })],
      ['whose state at the source is not known', hashed(0, [1], { ctimeNs: undefined })],
    ])('are not known of a range %s', (_, record) => {
      expect(known('A', record)).toEqual([]);
    });

    test('are not known of a range that another boot has written and not synced', () => {
      expect(known('B', hashed(0, [1]))).toEqual([]);
      expect(known('B', hashed(0, [1]), sync(50_000))).toEqual([[0, [1], '7']]);
    });

    test('are carried over, joined where ranges are', () => {
      const [record] = carriedOver(hashed(2, [3]), hashed(0, [1, 2]), hashed(1, [2, 3, 4]));
      expect(record).toMatchObject({
        ranges: [{ offset: 0, length: 4 * MiB, blocks: Buffer.from([1, 2, 3, 4].flatMap(hash)).toString('base64') }],
      });
      expect(known('A', record!)).toEqual([[0, [1, 2, 3, 4], '7']]);
    });

    test('are lost where ranges are joined of which one has none', () => {
      const [record] = carriedOver(hashed(0, [1]), hashed(1, [2], { blocks: undefined }));
      expect(record).toMatchObject({ ranges: [{ offset: 0, length: 2 * MiB, blocks: undefined }] });
      expect(known('A', record!)).toEqual([]);
    });
  });

  test('a sync point that began between two ranges vouches for neither once they are carried over as one', () => {
    const records = carryHistory(at(copy('1'), part, range(0, 10), range(10, 10)), 10)!;
    const fresh = records.map((record): Line => ({ atMs: 50_000, record }));
    const synced: Line = { atMs: 60_000, record: sync(35_000) };
    expect(foldHistory([...fresh, synced], 'B').parts.get(KEY)?.done).toEqual([]);
  });

  /** What was young still is, or it was published after the record before the lost one, and so is read again for that. */
  function expectDoubted(lines: Line[], damaged: Line[], boot: string): void {
    const [before, after] = [foldHistory(lines, boot), foldHistory(damaged, boot)];
    const lost = damaged.indexOf('damaged');
    const rest = lines.slice(lost + 1).map((line) => (line as Exclude<Line, string>).record);
    if (rest.some((record) => record.type === 'sync-point' && record.rechecked)) return;
    const { atMs } = lines[lost] as Exclude<Line, string>;
    const missing = [...before.young].filter((key) => !after.young.has(key));
    if (missing.length > 0) expect(mayBeUnsynced(after, atMs)).toBe(true);
    if (before.youngSinceNs !== undefined && after.youngSinceNs !== before.youngSinceNs)
      expect(mayBeUnsynced(after, atMs)).toBe(true);
  }

  test('a lost record proves nothing', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 12 }), fc.nat(), boots, (records, n, boot) => {
        const lines = at(...records);
        const damaged = lines.with(n % lines.length, 'damaged');
        const trusted = covered(lines, boot);
        expect([...covered(damaged, boot)].filter((byte) => !trusted.has(byte))).toEqual([]);
        if (!foldHistory(lines, boot).verified) expect(foldHistory(damaged, boot).verified).toBe(false);
        expectDoubted(lines, damaged, boot);
      }),
      { numRuns: 2_000 },
    );
  });
});

test.each<[string, [number, boolean][], number | undefined]>([
  ['nobody looked', [], undefined],
  ['a verification found some', [[2, true]], 2],
  [
    'a later one found none',
    [
      [2, true],
      [0, true],
    ],
    0,
  ],
  [
    'one that did not see all found none',
    [
      [2, true],
      [0, false],
    ],
    2,
  ],
  ['a copy found some in what it fetched', [[1, false]], 1],
  [
    'a copy found fewer than a verification',
    [
      [2, true],
      [1, false],
    ],
    2,
  ],
])('SSTables damaged at the source: %s', (_, found, known) => {
  const records = found.map(([damagedAtSource, all]): JournalRecord => ({ type: 'sstables', damagedAtSource, all }));
  expect(fold('A', ...records).damagedAtSource).toBe(known);
  expect(fold('A', ...carried(...records)).damagedAtSource).toBe(known);
});

describe('a verification that repairs', () => {
  const before = [copy('c'), ended('c', 0, true), verify('v'), verified('v'), verify('r')];

  test('takes back what was verified, as soon as a file has lost its name', () => {
    expect(fold('A', ...before).verified).toBe(true);
    expect(fold('A', ...before, part).verified).toBe(false);
    expect(fold('A', ...before, part, partEnded, verified('r')).verified).toBe(true);
    expect(fold('A', copy('c'), part, partEnded, ended('c', 0, true), verify('v'), verified('v')).verified).toBe(true);
  });

  test('has written what a crash may have lost, until it has synced', () => {
    const crashed = (...records: JournalRecord[]) => fold('B', verify('r'), ...records, verify('next', 'B'));
    expect(crashed().unsynced).toEqual([]);
    expect(crashed(part, partEnded).unsynced).toEqual([{ boot: 'A', fromMs: 20_000, toMs: 40_000 }]);
    expect(crashed(part, partEnded, sync(35_000)).unsynced).toEqual([{ boot: 'A', fromMs: 35_000, toMs: 50_000 }]);
  });
});
