import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { createYoungFiles } from '../../../src/copy/files/young-files.js';
import { foldHistory } from '../../../src/state/journal/history.js';
import type { JournalRecord } from '../../../src/state/journal/records.js';
import { fileEntry } from '../../support/entries.js';

const path = mkdtempSync(join(tmpdir(), 'lm-young-'));
mkdirSync(join(path, 'd'));
for (const name of ['a', 'b', 'c', 'e']) writeFileSync(join(path, 'd', name), name);
afterAll(() => rmSync(path, { recursive: true }));

const DIR = 'data/0/d';
const wanted = (name: string, mtimeNs = '5') => ({ dir: DIR, entry: fileEntry(name, { mtimeNs }) });

function begin(known: { young?: string[]; youngSinceNs?: string } = {}, maxNamed = 2, parts: string[] = []) {
  const records: JournalRecord[] = [];
  const warnings: string[] = [];
  const history = { ...known, young: new Set(known.young) };
  const roots = [{ key: 'data/0', type: 'data', index: 0, path }] as const;
  const files = createYoungFiles({ append: (record) => void records.push(record) }, history, {
    roots,
    isPart: (key) => parts.includes(key),
    emit: (event) => void (event.type === 'warning' && warnings.push(event.text)),
    maxNamed,
  });
  /** What the next run would know. */
  const left = () => {
    const before: JournalRecord[] = [{ type: 'young', keys: [...history.young] }];
    if (known.youngSinceNs !== undefined) before.push({ type: 'young-since', mtimeNs: known.youngSinceNs });
    const { young, youngSinceNs } = foldHistory(
      [...before, ...records].map((record) => ({ atMs: 1, record })),
      'A',
    );
    return { young: [...young], youngSinceNs };
  };
  return { files, records, warnings, left };
}

describe('young files', () => {
  test('are recorded at once, and known by name and directory', () => {
    const { files, left } = begin();
    expect(files.hasAny).toBe(false);
    files.add([wanted('a')]);
    expect(left().young).toEqual([`${DIR}/a`]);
    expect([files.hasAny, files.has(`${DIR}/a`, wanted('a').entry), files.has(`${DIR}/b`, wanted('b').entry)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([files.hasIn(DIR), files.hasIn('data/0')]).toEqual([true, false]);
  });

  test('are proved by a digest only when the survey is accepted, and only if they were no longer young then', () => {
    const { files, left } = begin({ young: [`${DIR}/a`, `${DIR}/b`] });
    const compare = () =>
      files.compared([
        { ...wanted('a'), young: false },
        { ...wanted('b'), young: true },
        { ...wanted('c'), young: false },
      ]);
    files.begin();
    compare();
    files.begin(); // the first look was given up
    files.accept(true);
    expect(left().young).toEqual([`${DIR}/a`, `${DIR}/b`]);
    files.begin();
    compare();
    files.accept(true);
    expect(left().young).toEqual([`${DIR}/b`]);
    expect(files.hasIn(DIR)).toBe(true);
  });

  test('include any file whose digest was taken while it was young', () => {
    const { files, left } = begin();
    files.begin();
    files.compared([{ ...wanted('c'), young: true }]);
    files.accept(false);
    expect(left().young).toEqual([`${DIR}/c`]);
  });

  test('that are gone here are forgotten, unless the listing was incomplete or a part is left', () => {
    const young = [`${DIR}/gone`, `${DIR}/a`, 'data/0/no/dir', `${DIR}/part`];
    const { files, left } = begin({ young }, 2, [`${DIR}/part`]);
    files.begin();
    files.accept(false);
    expect(left().young).toEqual(young);
    files.begin();
    files.accept(true);
    expect(left().young).toEqual([`${DIR}/a`, `${DIR}/part`]);
  });

  test('beyond the number that is named are known by their times, which is reported once and ends when all are proved', () => {
    const { files, left, warnings } = begin();
    files.add([wanted('a', '100'), wanted('b', '90'), wanted('c', '80'), wanted('e', '70')]);
    files.add([wanted('f', '75')]);
    expect(left()).toEqual({ young: [`${DIR}/a`, `${DIR}/b`], youngSinceNs: '70' });
    expect(warnings).toEqual([expect.stringMatching(/^more than 2 files .* every file modified since 1970-/)]);
    expect(files.has(`${DIR}/other`, wanted('other', '70').entry)).toBe(true);
    expect(files.has(`${DIR}/other`, wanted('other', '69').entry)).toBe(false);
    expect(files.hasIn('data/0/elsewhere')).toBe(true);
    files.begin();
    files.compared([{ ...wanted('a', '100'), young: false }]);
    files.accept(true);
    expect(left()).toEqual({ young: [`${DIR}/b`], youngSinceNs: undefined });
  });

  test('known by their times stay young when a survey was incomplete, or found more than can be named', () => {
    const { files, left } = begin({ youngSinceNs: '70' }, 0);
    files.begin();
    files.accept(false);
    files.begin();
    files.compared([{ ...wanted('e', '80'), young: true }]);
    files.accept(true);
    expect(left().youngSinceNs).toBe('70');
  });
});
