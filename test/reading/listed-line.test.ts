// What one digest for all files of a listed block says, and what a ledger and a manifest get with it.

import { createHash } from 'node:crypto';
import { linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { textHash } from '../../src/digest/digest.js';
import { digestFiles } from '../../src/digest/digest-files.js';
import { listed } from '../../src/digest/listed-file.js';
import { manifestLine } from '../../src/digest/manifest-line.js';
import type { Entry } from '../../src/files/entry.js';
import { statedText, stateOfBoth } from '../../src/files/proof-text.js';
import type { Roots } from '../../src/files/roots.js';
import { blockLine } from '../../src/listing/listing-lines.js';
import { compileFilter } from '../../src/patterns/filter.js';
import { digestLine, type LineJob } from '../../src/reading/listed-line.js';

const KEY = 'data/0/t';
const NAMES = ['a', 'b "quoted"', 'c'];
let dir: string;
let roots: Roots;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-line-'));
  mkdirSync(join(dir, 't/below'), { recursive: true });
  for (const name of NAMES) writeFileSync(join(dir, 't', name), `holds ${name}`);
  roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }];
});
afterEach(() => rmSync(dir, { recursive: true }));

function entryOf(name: string): Entry {
  const stat = lstatSync(join(dir, 't', name), { bigint: true });
  return {
    ...{ name, size: `${stat.size}`, mtimeNs: `${stat.mtimeNs}`, mode: Number(stat.mode), ino: `${stat.ino}` },
    ...{ kind: stat.isDirectory() ? 'directory' : 'file', ctimeNs: `${stat.ctimeNs}`, links: Number(stat.nlink) },
    ...{ owner: undefined, target: undefined, allocated: undefined },
  };
}

/** As this host lists the directory, with changes to what it says of the files. */
const lineOf = (changes: Partial<Entry> = {}): Buffer => {
  const entries = [...NAMES, 'below'].sort().map(entryOf);
  return Buffer.from(
    blockLine({ dir: KEY, entries: entries.map((one) => (one.kind === 'file' ? { ...one, ...changes } : one)) }),
  );
};

const digest = (job: Partial<LineJob> = {}) => digestLine({ algorithm: 'md5', roots, line: lineOf(), ...job });

test('it is the SHA-256 of the digests of the regular files', async () => {
  const files = NAMES.map((name) => listed(KEY, entryOf(name)));
  const each = await digestFiles({ algorithm: 'md5', roots, files });
  const text = each.map((answer) => ('digest' in answer ? answer.digest : '')).join('\n');
  const whole = createHash('sha256').update(text).digest('hex');
  expect(await digest()).toEqual({ dir: KEY, digest: whole, files: 3, direct: 0 });
  writeFileSync(join(dir, 't/c'), 'Holds c');
  expect((await digest()).digest).not.toBe(whole);
});

test.each<[string, () => void]>([
  ['has changed', () => writeFileSync(join(dir, 't/b "quoted"'), 'longer than it was')],
  ['has another time', () => utimesSync(join(dir, 't/a'), 1, 1)],
  ['is gone', () => rmSync(join(dir, 't/c'))],
  ['is excluded', () => {}],
  ['is young, where that is asked', () => {}],
])('there is none where a file %s', async (what, change) => {
  const line = lineOf();
  change();
  const job = {
    algorithm: 'md5',
    roots,
    line,
    hidesExcluded: true,
    reportsYoung: what.startsWith('is young'),
  } as const;
  const filter = { exclusions: { filesToExclude: [], dirsToExclude: [], exclude: ['**/c'] }, roots: [...roots] };
  const excludes = what === 'is excluded' ? compileFilter(filter) : undefined;
  expect(await digestLine(job, { excludes })).toEqual({ dir: KEY, files: 3, direct: 0 });
});

describe('at the destination', () => {
  const ofSource = (): Buffer => lineOf({ ino: '77', ctimeNs: '1600000000000000001' });
  const kept = () => ({ source: ofSource(), settledMs: Number.POSITIVE_INFINITY });

  test('files are stamped, and claimed together', async () => {
    linkSync(join(dir, 't/a'), join(dir, 'second name'));
    const { stamps } = await digest({ kept: kept(), direct: true });
    const stated = NAMES.map((name) => {
      const there = { ...entryOf(name), ino: '77', ctimeNs: '1600000000000000001' };
      return [name, stateOfBoth(there, entryOf(name))!] as const;
    });
    expect(JSON.parse(`[${stamps!.rows}]`)).toEqual(
      stated.map(([name, state]) => [name, state, expect.stringMatching(/^[cd]\d{13}$/)]),
    );
    expect(JSON.parse(stamps!.names)).toEqual(NAMES);
    expect(stamps!.states).toBe(textHash(stated.map(([name, state]) => statedText(name, state)).join('')));
  });

  test('one that changed a moment ago is not, but is claimed', async () => {
    const settledMs = Date.now() - 60_000;
    const { stamps } = await digest({ kept: { ...kept(), settledMs } });
    expect(stamps).toMatchObject({ rows: '', names: JSON.stringify(NAMES) });
  });

  test('none is where an end lists no ctimes', async () => {
    const { digest: whole, stamps } = await digest({
      kept: { ...kept(), source: lineOf({ ctimeNs: undefined }) },
      line: lineOf({ ctimeNs: undefined }),
    });
    expect([whole, stamps]).toEqual([expect.any(String), undefined]);
  });

  test('the digests of files come as lines of a manifest', async () => {
    const { manifest } = await digest({ kept: { ...kept(), manifest: 'md5' } });
    const each = await digestFiles({ algorithm: 'md5', roots, files: NAMES.map((name) => listed(KEY, entryOf(name))) });
    const lines = each.map((one, i) =>
      manifestLine('md5', 'digest' in one ? one.digest : '', join(dir, 't', NAMES[i]!)),
    );
    expect(manifest).toBe(lines.join(''));
  });
});
