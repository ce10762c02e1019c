// Judges what a source may lose: whole histories of copies, given as trees, in the way a copy judges them. Without a disk.

import { describe, expect, test } from '@jest/globals';
import type { LmError } from '../../src/errors.js';
import { noCounts, type PlanCounts, rootCounts } from '../../src/plan/counts.js';
import { type DeleteLimit, lossOf } from '../../src/removals/loss.js';
import {
  noReference,
  type Reference,
  referenceOfHere,
  type Seen,
  whenAccepted,
  whenPassBegins,
  whenPassEnds,
  withBrought,
} from '../../src/removals/reference.js';
import { judgeRemovals, NOTHING_OUTSIDE, type RemovalsCase } from '../../src/removals/removals.js';

/** Bytes of files by their keys. */
type Tree = Record<string, number>;

const percent = (share: number): DeleteLimit => ({ kind: 'share', share: share / 100 });
const entries = (count: number): DeleteLimit => ({ kind: 'count', entries: count });

/** So many files of that size: `many('data/0/ks/t/a', 64, 100)`. */
const many = (prefix: string, count: number, bytes: number): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, bytes]));

const dirOf = (key: string): string => key.slice(0, key.lastIndexOf('/'));
const rootOf = (key: string): string => key.split('/', 2).join('/');

function countsOf(source: Tree, local: Tree): PlanCounts {
  const counts = noCounts();
  const add = (share: { entries: number; bytes: number }, bytes: number): void => {
    share.entries++;
    share.bytes += bytes;
  };
  for (const [key, bytes] of Object.entries(source)) {
    add(counts.total, bytes);
    rootCounts(counts, rootOf(key)).source++;
    counts.holdings.add(dirOf(key), 'source', 1, bytes);
    if (!(key in local)) counts.holdings.add(dirOf(key), 'fresh', 1, bytes);
    if (bytes < (local[key] ?? 0)) counts.holdings.countShrunk(dirOf(key));
  }
  for (const [key, bytes] of Object.entries(local)) {
    add(counts.local, bytes);
    rootCounts(counts, rootOf(key)).local++;
    counts.holdings.add(dirOf(key), 'local', 1, bytes);
    if (key in source) continue;
    add(counts.remove, bytes);
    counts.holdings.add(dirOf(key), 'removed', 1, bytes);
  }
  return counts;
}

interface Copy {
  /** What each pass lists; the last one is listed again until nothing is left to do. */
  sees: Tree[];
  limit?: DeleteLimit;
  only?: string;
  /** What holds where no flag is given. */
  usual?: DeleteLimit;
  /** Ends after its first download, without a last listing, having brought these keys. */
  killed?: (key: string) => boolean;
  /** Somebody else's work. */
  outside?: Tree;
  /** The operator gave it to lm. */
  adopt?: boolean;
}

const shareOf = (keys: string[], tree: Tree) => ({
  entries: keys.length,
  bytes: keys.reduce((sum, key) => sum + tree[key]!, 0),
});

/** One destination through its copies. */
class Destination {
  local: Tree = {};
  reference: Reference = noReference('', false);
  readonly adopted: boolean;

  constructor(theirs: Tree = {}) {
    this.local = theirs;
    this.adopted = Object.keys(theirs).length > 0;
    this.reference = noReference('', this.adopted);
  }

  /** `removed N` and `later` of each pass, and how it was refused. */
  copy({ sees, limit = percent(50), usual = percent(50), only, killed, outside = {}, adopt = false }: Copy): string[] {
    Object.assign(this.local, outside);
    const outcomes: string[] = [];
    const within = (tree: Tree): Tree =>
      Object.fromEntries(Object.entries(tree).filter(([key]) => only === undefined || key.startsWith(`${only}/`)));
    for (let pass = 0; pass < 9; pass++) {
      const source = within(sees[Math.min(pass, sees.length - 1)]!);
      const local = within(this.local);
      const counts = countsOf(source, local);
      const roots = Object.fromEntries([...counts.roots].map(([key, each]) => [key, each.source]));
      const seen: Seen = { holdings: counts.holdings, roots, only };
      this.reference = withBrought(this.reference, counts.holdings);
      const lost = Object.keys(outside).filter((key) => key in local && local[key] !== source[key]);
      const theirs = lost.filter((key) => !(key in source));
      const verdict = judgeRemovals({
        plan: { counts, firstRemovals: [] },
        limit,
        usual,
        reference: adopt ? { ...this.reference, adopted: true } : this.reference,
        only,
        outside: { remove: shareOf(theirs, local), lost: shareOf(lost, local) },
        adopted: adopt,
        tellsMounts: true,
      });
      if (verdict.objection) return [...outcomes, `refused: ${verdict.objection.message}`];
      if (verdict.accepted) this.reference = whenAccepted(this.reference, seen);
      this.reference = whenPassBegins(this.reference, seen);
      if (verdict.later) outcomes.push('later');
      else if (counts.remove.entries > 0) outcomes.push(`removed ${counts.remove.entries}`);
      for (const key of Object.keys(local)) if (!verdict.later && !(key in source)) delete this.local[key];
      const missing = Object.keys(source).filter((key) => this.local[key] !== source[key]);
      if (missing.length === 0 && !verdict.later && pass >= sees.length - 1) {
        this.reference = whenPassEnds(this.reference, seen, limit);
        return outcomes;
      }
      for (const key of missing) if (killed?.(key) ?? true) this.local[key] = source[key]!;
      if (killed) return outcomes;
    }
    throw new Error(`it never ends: ${outcomes.join(', ')}`);
  }
}

/** After one copy that ended. */
function holding(tree: Tree): Destination {
  const destination = new Destination();
  expect(destination.copy({ sees: [tree] })).toEqual([]);
  return destination;
}

const T = 'data/0/ks/t/';
const REFUSED = [expect.stringMatching(/^refused: the source has lost more than --max-delete /)];

describe('histories of copies', () => {
  test('400 SSTables become 9: done one pass later, by the default limit', () => {
    const destination = holding({ ...many(`${T}old`, 400, 100), ...many('data/0/system/a/s', 10, 10) });
    const compacted = { ...many(`${T}new`, 9, 4400), ...many('data/0/system/a/s', 10, 10) }; // 99 % of it
    expect(destination.copy({ sees: [compacted] })).toEqual(['later', 'removed 400']);
    expect(destination.copy({ sees: [compacted] })).toEqual([]);
  });

  test('a major compaction that drops a third of the bytes passes too', () => {
    const destination = holding(many(`${T}old`, 40, 100));
    expect(destination.copy({ sees: [many(`${T}new`, 1, 2700)] })).toEqual(['later', 'removed 40']);
  });

  test('hints, logs and caches may go, whatever their size', () => {
    const small = { [`${T}a`]: 5 };
    const destination = holding({
      ...small,
      ...many('hints/0/h', 30, 1000),
      ...many('commitlog/0/c', 30, 1000),
      ...many('cdc_raw/0/c', 30, 1000),
      ...many('saved_caches/0/c', 30, 1000),
    });
    expect(destination.copy({ sees: [small] })).toEqual(['removed 120']);
  });

  test('one keyspace’s disk is gone while another grew as much', () => {
    const destination = holding({ ...many('data/0/a/t/x', 10, 110), ...many('data/0/b/t/x', 10, 100) });
    expect(destination.copy({ sees: [many('data/0/b/t/x', 21, 100)] })).toEqual(REFUSED);
  });

  test('a partial first copy whose half then vanishes', () => {
    const destination = new Destination();
    const all = { ...many('data/0/a/t/x', 60, 100), ...many('data/0/b/t/x', 60, 100) };
    destination.copy({ sees: [all], killed: (key) => key.startsWith('data/0/a/') || key.endsWith('0') });
    expect(Object.keys(destination.local)).toHaveLength(66);
    expect(destination.copy({ sees: [many('data/0/b/t/x', 60, 100)] })).toEqual(REFUSED);
  });

  test('repeated runs of a dwindling source', () => {
    const destination = holding(many(`${T}x`, 100, 10));
    expect(destination.copy({ sees: [many(`${T}x`, 70, 10)] })).toEqual(['removed 30']);
    expect(destination.copy({ sees: [many(`${T}x`, 50, 10)] })).toEqual(['removed 20']);
    expect(destination.copy({ sees: [many(`${T}x`, 49, 10)] })).toEqual(REFUSED);
  });

  test('an SSTable is moved from data/0 to data/1', () => {
    const rest = { 'data/0/system/a': 1, 'data/1/system/a': 1 };
    const destination = holding({ ...rest, 'data/0/ks/t/big': 1000 });
    expect(destination.copy({ sees: [{ ...rest, 'data/1/ks/t/big': 1000 }] })).toEqual(['later', 'removed 1']);
  });

  test.each([0, 3, 9])('every file is truncated, with --max-delete %d', (limit) => {
    const destination = holding(many(`${T}x`, 10, 100));
    expect(destination.copy({ sees: [many(`${T}x`, 10, 0)], limit: entries(limit) })).toEqual(REFUSED);
    expect(destination.copy({ sees: [many(`${T}x`, 10, 0)] })).toEqual(REFUSED);
    expect(destination.copy({ sees: [many(`${T}x`, 10, 0)], limit: entries(10) })).toEqual([]);
  });

  test('60 of 64 files go within one run, over several passes', () => {
    const sees = [64, 44, 24, 4].map((count) => many(`${T}x`, count, 100));
    expect(new Destination().copy({ sees })).toEqual(['removed 20', ...REFUSED]);
    expect(holding(sees[0]!).copy({ sees: sees.slice(1) })).toEqual(['removed 20', ...REFUSED]);
  });

  test('a flag accepted once is not asked for again for the same loss, but for a further one', () => {
    const destination = holding(many(`${T}x`, 100, 10));
    const less = { sees: [many(`${T}x`, 30, 10)] };
    expect(destination.copy(less)).toEqual(REFUSED);
    const { reference, local } = destination;
    expect(destination.copy({ ...less, limit: percent(70), killed: () => false })).toEqual(['removed 70']);
    expect(destination.copy(less)).toEqual([]);
    expect(destination.copy({ sees: [many(`${T}x`, 14, 10)] })).toEqual(REFUSED);
    Object.assign(destination, { reference, local: { ...local, ...many(`${T}x`, 100, 10) } });
    expect(destination.copy({ ...less, limit: entries(70) })).toEqual(['removed 70']);
    expect(destination.copy(less)).toEqual([]);
  });

  test('nor is one that the usual limit, not the default, would have refused', () => {
    const destination = new Destination();
    destination.copy({ sees: [many(`${T}x`, 100, 10)], limit: percent(20) });
    const less = { sees: [many(`${T}x`, 70, 10)] };
    expect(destination.copy({ ...less, limit: percent(20) })).toEqual(REFUSED);
    expect(destination.copy({ ...less, limit: percent(40) })).toEqual(['removed 30']);
    expect(destination.copy({ ...less, limit: percent(20) })).toEqual([]);
  });

  test.each([entries(30), percent(30), entries(70)])(
    'nor is one below the default, once a copy has ended with it: %o',
    (accepts) => {
      const destination = holding(many(`${T}x`, 100, 10));
      const strict = entries(10);
      const less = { sees: [many(`${T}x`, 70, 10)] };
      expect(destination.copy({ ...less, limit: strict })).toEqual(REFUSED);
      expect(destination.copy({ ...less, limit: accepts })).toEqual(['removed 30']);
      for (let copies = 0; copies < 3; copies++) expect(destination.copy({ ...less, limit: strict })).toEqual([]);
      expect(destination.copy({ sees: [many(`${T}x`, 61, 10)], limit: strict })).toEqual(['removed 9']);
      expect(destination.copy({ sees: [many(`${T}x`, 50, 10)], limit: strict })).toEqual(REFUSED);
    },
  );

  test('nor, from the first write on, is one that what holds without a flag would have refused', () => {
    const destination = holding(many(`${T}x`, 100, 10));
    const usual = entries(10);
    const sees = [{ ...many(`${T}x`, 70, 10), ...many(`${T}new`, 2, 1) }];
    const killed = () => false;
    expect(destination.copy({ sees, limit: usual, usual })).toEqual(REFUSED);
    expect(destination.copy({ sees, limit: entries(30), usual, killed })).toEqual(['removed 30']);
    expect(destination.copy({ sees, limit: usual, usual })).toEqual([]);
    expect(destination.copy({ sees: [many(`${T}x`, 50, 10)], limit: usual, usual })).toEqual(REFUSED);
  });

  test('a flag lets nothing through of what is lost later, nor does the default of what a stricter limit asks for', () => {
    const destination = holding(many(`${T}x`, 100, 10));
    expect(destination.copy({ sees: [many(`${T}x`, 100, 10)], limit: entries(30) })).toEqual([]);
    expect(destination.copy({ sees: [many(`${T}x`, 80, 10)], limit: entries(10) })).toEqual(REFUSED);
    const other = holding(many(`${T}x`, 100, 10));
    expect(other.copy({ sees: [many(`${T}x`, 80, 10)] })).toEqual(['removed 20']);
    expect(other.copy({ sees: [many(`${T}x`, 80, 10)], limit: entries(10) })).toEqual(REFUSED);
  });
});

describe('the reference of a source', () => {
  test('is not raised by the moment of a compaction that has old and new files', () => {
    const rest = many('data/0/ks/other/x', 50, 20);
    const old = { ...rest, ...many(`${T}old`, 400, 3) };
    const destination = holding(old);
    destination.copy({ sees: [{ ...old, ...many(`${T}new`, 9, 120) }] });
    expect(destination.copy({ sees: [{ ...rest, ...many(`${T}new`, 9, 120) }] })).toEqual(['removed 400']);
    expect(destination.reference.dirs.get('data/0/ks/t')).toMatchObject({
      last: { files: 9, bytes: 1080 },
      accepted: { files: 400, bytes: 1200 },
    });
  });

  test('is raised by growth that two passes in a row have seen', () => {
    const destination = holding(many(`${T}x`, 10, 10));
    for (const count of [100, 100, 60]) destination.copy({ sees: [many(`${T}x`, count, 10)] });
    expect(destination.copy({ sees: [many(`${T}x`, 49, 10)] })).toEqual(REFUSED);
  });

  test('does not count what waits for a later pass', () => {
    const destination = new Destination();
    const old = many(`${T}old`, 10, 100);
    expect(destination.copy({ sees: [old, many(`${T}new`, 2, 300), many(`${T}new`, 2, 300)] })).toEqual([
      'later',
      'removed 10',
    ]);
  });

  test('is not changed by a part for the rest', () => {
    const destination = holding({ ...many('data/0/a/x', 10, 10), ...many('data/0/b/x', 10, 10) });
    expect(destination.copy({ sees: [many('data/0/a/x', 9, 10)], only: 'data/0/a' })).toEqual(['removed 1']);
    expect(destination.copy({ sees: [many('data/0/a/x', 4, 10)], only: 'data/0/a' })).toEqual(REFUSED);
    expect(
      destination.copy({ sees: [{ ...many('data/0/a/x', 9, 10), ...many('data/0/b/x', 2, 10) }], limit: percent(30) }),
    ).toEqual(REFUSED);
  });

  test('is not complete after parts alone', () => {
    const destination = new Destination();
    destination.copy({ sees: [many('data/0/a/x', 10, 10)], only: 'data/0/a' });
    expect(destination.reference.complete).toBe(false);
    expect(destination.copy({ sees: [many('data/0/a/x', 4, 10)], only: 'data/0/a' })).toEqual(REFUSED);
  });

  test('is what is here when the passes of a destination left none', () => {
    const destination = new Destination();
    destination.local = many(`${T}x`, 10, 10);
    destination.reference = referenceOfHere(countsOf({}, destination.local).holdings, noReference('', false));
    expect(destination.copy({ sees: [many(`${T}x`, 4, 10)] })).toEqual(REFUSED);
  });
});

describe('what lm did not put there counts by what goes', () => {
  const source = many(`${T}x`, 10, 10);

  test('after --adopt, until a pass is complete', () => {
    const destination = new Destination({ ...many('data/0/theirs/x', 30, 10), ...source });
    const goes = [expect.stringMatching(/^refused: cleaning would remove more than --max-delete /)];
    expect(destination.copy({ sees: [source] })).toEqual(goes);
    expect(destination.copy({ sees: [source], limit: percent(75) })).toEqual(['removed 30']);
    expect(destination.reference.adopted).toBe(false);
  });

  test('and so does somebody’s work since', () => {
    const destination = holding(source);
    const outside = many('data/0/theirs/x', 30, 10);
    const others = [expect.stringMatching(/^refused: more of what lm did not put here would be removed or replaced /)];
    expect(destination.copy({ sees: [source], outside })).toEqual(others);
    expect(destination.copy({ sees: [source], outside, limit: percent(80) })).toEqual(['removed 30']);
  });

  test('what would be replaced of it as well, but not what is the same', () => {
    const destination = holding(source);
    const keys = Object.keys(source);
    const some = (share: number, bytes: number): Tree =>
      Object.fromEntries(keys.slice(0, Math.ceil(keys.length * share)).map((key) => [key, bytes]));
    const refused = [expect.stringMatching(/^refused: more of what lm did not put here /)];
    expect(destination.copy({ sees: [source], outside: some(1, 77) })).toEqual(refused);
    expect(destination.copy({ sees: [source], outside: some(1, 77), limit: percent(100) })).toEqual([]);
    expect(destination.copy({ sees: [source], outside: source })).toEqual([]);
    expect(destination.copy({ sees: [source], outside: some(0.2, 10) })).toEqual([]);
  });

  test('but not once it was given to lm, and then it alone', () => {
    const destination = holding(source);
    const outside = many('data/0/theirs/x', 30, 10);
    expect(destination.copy({ sees: [source], outside, adopt: true })).toEqual(['removed 30']);
    const fewer = many(`${T}x`, 4, 10);
    expect(destination.copy({ sees: [fewer], outside, adopt: true })).toEqual([
      expect.stringMatching(/^refused: cleaning would remove more than --max-delete /),
    ]);
  });
});

describe('emptied roots', () => {
  const of = (source: Tree, local: Tree, more: Partial<RemovalsCase> = {}): string[] => {
    const counts = countsOf(source, local);
    for (const key of Object.keys(local)) rootCounts(counts, rootOf(key));
    const { reference } = holding(local);
    const { objection } = judgeRemovals({
      plan: { counts, firstRemovals: [] },
      limit: percent(100),
      usual: percent(50),
      reference,
      only: undefined,
      outside: NOTHING_OUTSIDE,
      adopted: false,
      tellsMounts: true,
      ...more,
    });
    return objection ? [objection.message, objection.hint!] : [];
  };
  const DATA = { 'data/0/ks/a': 1000 };

  test.each(['data/1', 'local_system_data/0'])('%s: refused, whatever is allowed, and how to do it by hand', (root) => {
    expect(of(DATA, { ...DATA, [`${root}/a`]: 1 })).toEqual([
      `the source lists nothing for ${root}, where 1 entry is here`,
      expect.stringContaining('by hand'),
    ]);
  });

  test.each(['commitlog/0', 'cdc_raw/0', 'hints/0', 'saved_caches/0'])(
    '%s: as a matter of course, but for a Sidecar',
    (root) => {
      expect(of(DATA, { ...DATA, [`${root}/a`]: 1 })).toEqual([]);
      expect(of(DATA, { ...DATA, [`${root}/a`]: 1 }, { tellsMounts: false })).toHaveLength(2);
    },
  );

  test('all at once', () => {
    expect(of({}, { 'hints/0/a': 1, 'commitlog/0/b': 1 })[0]).toMatch(/lists nothing at all/);
  });

  test('a part that only the destination has', () => {
    const destination = holding(DATA);
    expect(destination.copy({ sees: [DATA], only: 'data/0/own', outside: { 'data/0/own/a': 1 } })).toEqual([
      'refused: the source lists nothing at data/0/own, so nothing is removed here',
    ]);
  });

  test('one that was emptied here by hand as well', () => {
    const destination = holding({ ...DATA, 'data/1/ks/a': 10 });
    delete destination.local['data/1/ks/a'];
    expect(destination.copy({ sees: [DATA] })).toEqual([]);
  });
});

describe('without a reference, what is removed is all there is to judge by', () => {
  test.each<[string, number, number, DeleteLimit, boolean]>([
    ['nothing at all', 0, 0, percent(0), true],
    ['as much as half, by entries', 50, 1, percent(50), true],
    ['a little more than half, by entries', 51, 1, percent(50), false],
    ['few entries that are most of the bytes', 1, 900, percent(50), false],
    ['everything, when that is allowed', 100, 1000, percent(100), true],
    ['as many as counted', 7, 1000, entries(7), true],
    ['one more than counted', 8, 0, entries(7), false],
    ['anything, when nothing may go', 1, 0, percent(0), false],
  ])('%s', (_, removed, bytes, limit, allowed) => {
    expect(judged({ entries: removed, bytes }, { entries: 100, bytes: 1000 }, limit) === undefined).toBe(allowed);
  });

  test('a refusal names what would be removed, in names that can forge no line, and the flag that allows exactly that', () => {
    const error = judged({ entries: 61, bytes: 0 }, { entries: 100, bytes: 10 }, percent(50));
    expect(error).toMatchObject({
      ...{ code: 'refused', kind: 'max-delete' },
      hint: expect.stringContaining('--max-delete 61%'),
    });
    expect(error!.details.join('\n')).toMatch(/61 of 100 entries.*\n {2}data\/0\/a\\nb/);
  });

  test.each([0, 7, 12.5, 14, 29, 55])('a refusal repeats a limit as it was given: %d%%', (given) => {
    const error = judged({ entries: 8, bytes: 8 }, { entries: 9, bytes: 9 }, percent(given));
    expect(error!.message).toContain(`--max-delete ${given}% `);
  });

  const judged = (
    remove: { entries: number; bytes: number },
    local: { entries: number; bytes: number },
    limit: DeleteLimit,
  ): LmError | undefined => {
    const counts = { ...noCounts(), total: { entries: 1, bytes: 1 }, local, remove };
    const plan = { counts, firstRemovals: ['data/0/a\nb'] };
    const outside = NOTHING_OUTSIDE;
    const about = { reference: undefined, only: undefined, outside, adopted: false, tellsMounts: true } as const;
    return judgeRemovals({ plan, limit, usual: limit, ...about }).objection;
  };
});

test('a loss names where most is missing, and no more than ten directories', () => {
  const was = Array.from({ length: 40 }, (_, i): [string, { files: number; bytes: number }] => [
    `data/0/t${i}`,
    { files: 1, bytes: i },
  ]);
  const { worst, bytes } = lossOf(was, []);
  expect(bytes).toBe((39 * 40) / 2);
  expect(worst.map(({ dir }) => dir)).toEqual(Array.from({ length: 10 }, (_, i) => `data/t${39 - i}`));
});
