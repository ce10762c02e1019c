import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BLOCK_DIGEST } from '../../src/digest/digest.js';
import { type DigestAnswer, digestFiles } from '../../src/digest/digest-files.js';
import type { ListedFile } from '../../src/digest/listed-file.js';
import type { Roots } from '../../src/files/roots.js';
import { bookedIn, createPace } from '../../src/pace/rate.js';
import { type DigestPool, pick } from '../../src/reading/digest-pool.js';
import { byteCounter, bytesIn } from '../../src/threads/byte-counter.js';
import { stopFlagOf } from '../../src/threads/stop-flag.js';
import { until } from '../support/holders.js';

const CHANGED: DigestAnswer = { result: 'changed', message: 'changed while it was read' };

let dir: string;
let roots: Roots;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'lm-digest-files-')));
  roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }];
  mkdirSync(join(dir, 'ks'));
  writeFileSync(join(dir, 'ks/a.db'), 'hello\n');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const listed = (name: string): ListedFile => {
  const stat = lstatSync(join(dir, name), { bigint: true });
  return { key: `data/0/${name}`, size: `${stat.size}`, mtimeNs: `${stat.mtimeNs}`, ino: `${stat.ino}` };
};

/** Of 'hello\n' and of nothing: the first two are computed in lanes, the last one file after another. */
const WAYS = [
  { algorithm: 'xxhash32', found: { digest: '946b5bf9' }, empty: { digest: '2cc5d05' } },
  { algorithm: 'md5', found: { digest: 'sZRqySSS0jR8YjW00mERhA==' }, empty: { digest: '1B2M2Y8AsgTpgAmY7PhCfg==' } },
  { algorithm: 'xxhash64', found: { digest: 'e4c191d091bd8853' }, empty: { digest: 'ef46db3751d8e999' } },
] as const;

describe.each(WAYS)('a listed file, by $algorithm,', ({ algorithm, found, empty }) => {
  const digest = async (...files: ListedFile[]): Promise<DigestAnswer[]> => digestFiles({ algorithm, roots, files });

  test('that is unchanged has a digest', async () => {
    writeFileSync(join(dir, 'ks/empty'), '');
    expect(await digest(listed('ks/a.db'), listed('ks/empty'))).toEqual([found, empty]);
  });

  const CHANGES: [string, (file: string) => void][] = [
    ['of another size', (file) => writeFileSync(file, 'longer than that')],
    ['of another time', (file) => utimesSync(file, 1, 1)],
    ['replaced by a copy', replaceByCopy],
    ['replaced by a link', (file) => symlinkSync('../away', moveAway(file))],
    ['replaced by a directory', (file) => mkdirSync(moveAway(file))],
    ['replaced by a pipe', (file) => execFileSync('mkfifo', [moveAway(file)])],
    ['reached through a link', (file) => symlinkSync('away', moveAway(dirname(file)))],
  ];
  test.each(CHANGES)('that is now %s has changed', async (_, change) => {
    const file = listed('ks/a.db');
    change(join(dir, 'ks/a.db'));
    expect(await digest(file)).toMatchObject([{ result: 'changed' }]);
  });

  test('that is gone, or whose directory is, has vanished', async () => {
    const file = listed('ks/a.db');
    rmSync(join(dir, 'ks/a.db'));
    expect(await digest(file)).toMatchObject([{ result: 'vanished' }]);
    rmSync(join(dir, 'ks'), { recursive: true });
    expect(await digest(file)).toMatchObject([{ result: 'vanished' }]);
  });

  (process.getuid?.() === 0 ? test.skip : test)('that may not be read has failed, by name of the error', async () => {
    const file = listed('ks/a.db');
    chmodSync(join(dir, 'ks/a.db'), 0);
    expect(await digest(file)).toEqual([{ result: 'failed', message: 'EACCES' }]);
  });

  test.each([
    ['version', 'states 0 bytes but holds more'],
    ['self/mountinfo', 'states 0 bytes but holds more'],
  ])('that states another size than it holds (/proc/%s) has failed', async (name, message) => {
    const path = realpathSync(join('/proc', name));
    const { size, mtimeNs, ino } = lstatSync(path, { bigint: true });
    const file = { key: `data/0${path.slice('/proc'.length)}`, size: `${size}`, mtimeNs: `${mtimeNs}`, ino: `${ino}` };
    roots = [{ key: 'data/0', type: 'data', index: 0, path: '/proc' }];
    expect(await digest(file)).toEqual([{ result: 'failed', message }]);
  });

  test('that fails does not keep the others from their digests', async () => {
    const gone = { ...listed('ks/a.db'), key: 'data/0/ks/gone' };
    expect(await digest(gone, listed('ks/a.db'))).toEqual([{ result: 'vanished', message: 'no longer there' }, found]);
  });
});

/** Same size, same time, same content: only the inode differs. */
function replaceByCopy(file: string): void {
  execFileSync('cp', ['-p', file, `${file}2`]);
  renameSync(`${file}2`, file);
}

function moveAway(path: string): string {
  renameSync(path, join(dir, 'away'));
  return path;
}

const md5 = (bytes: Uint8Array): DigestAnswer => ({ digest: createHash('md5').update(bytes).digest('base64') });

/** Files of these sizes, each of its own bytes, and what Node says of them. */
function writeFiles(prefix: string, sizes: readonly number[]): { files: ListedFile[]; answers: DigestAnswer[] } {
  const written = sizes.map((bytes, i) => {
    const content = Buffer.alloc(bytes, `${prefix}${i} of ${bytes}`);
    writeFileSync(join(dir, `ks/${prefix}${i}`), content);
    return { file: listed(`ks/${prefix}${i}`), answer: md5(content) };
  });
  return { files: written.map(({ file }) => file), answers: written.map(({ answer }) => answer) };
}

const MIB = 1 << 20;
const SIZES = [3 * MIB, 0, 55, 56, 64, 65, MIB - 1, MIB, MIB + 1, 2048, 2049, 1, 65536, 65537, 100_000, 2 * MIB + 63];

describe('many files in lanes', () => {
  test('large, small and empty ones have their own digests, in the order asked', async () => {
    const { files, answers } = writeFiles('f', [...SIZES, ...SIZES.toReversed()]);
    expect(await digestFiles({ algorithm: 'md5', roots, files })).toEqual(answers);
  });

  test('jobs that overlap get their own answers, and none waits for the other', async () => {
    const long = writeFiles('long', [40 * MIB]);
    const short = writeFiles('short', SIZES);
    const order: string[] = [];
    const run = async (name: string, files: ListedFile[]): Promise<DigestAnswer[]> => {
      const answers = await digestFiles({ algorithm: 'md5', roots, files });
      order.push(name);
      return answers;
    };
    const answers = await Promise.all([run('long', long.files), run('short', short.files)]);
    expect(answers).toEqual([long.answers, short.answers]);
    expect(order).toEqual(['short', 'long']);
  });

  const MEANWHILE: [string, (file: string) => void, DigestAnswer][] = [
    ['becomes longer', (file) => appendFileSync(file, 'more'), CHANGED],
    ['becomes shorter', (file) => truncateSync(file, 9 * MIB), CHANGED],
    ['becomes empty', (file) => truncateSync(file), CHANGED],
    ['gets another time', (file) => utimesSync(file, 1, 1), CHANGED],
    ['loses its name', (file) => rmSync(file), { digest: 'j04z89w+QU/5Tl+2kFy6jA==' }],
  ];
  test.each(MEANWHILE)('one that %s while it is read', async (_, change, expected) => {
    writeFileSync(join(dir, 'ks/big'), Buffer.alloc(20 * MIB));
    const { files, answers } = writeFiles('f', SIZES);
    const answering = digestFiles({ algorithm: 'md5', roots, files: [listed('ks/big'), ...files] });
    await new Promise(setImmediate); // the first turn of the lanes is over, and the big file is not
    change(join(dir, 'ks/big'));
    expect(await answering).toEqual([expected, ...answers]);
  });

  test('one that vanishes before its lane is free', async () => {
    const { files, answers } = writeFiles('f', [...Array<number>(8).fill(2 * MIB), 100]);
    const answering = digestFiles({ algorithm: 'md5', roots, files });
    await new Promise(setImmediate);
    rmSync(join(dir, 'ks/f8'));
    expect(await answering).toEqual([...answers.slice(0, 8), { result: 'vanished', message: 'no longer there' }]);
  });

  (process.arch === 'x64' ? test : test.skip)('a processor without vectors answers the same', () => {
    const { files, answers } = writeFiles('f', SIZES);
    const script = `
      import { computesInLanes, digestFiles } from ${JSON.stringify(new URL('../../dist/modules/digest/digest-files.js', import.meta.url))};
      const answers = await digestFiles(${JSON.stringify({ algorithm: 'md5', roots, files })});
      process.stdout.write(JSON.stringify([computesInLanes('md5'), answers]));`;
    const output = execFileSync(process.execPath, ['--no-enable-sse4-1', '--input-type=module', '-e', script]);
    expect(JSON.parse(output.toString())).toEqual([false, answers]);
  });
});

describe('by blocks', () => {
  /** A file that nobody has written to for seconds. */
  const old = (): { file: ListedFile; ctimeNs: string } => {
    const path = import.meta.filename;
    roots = [{ key: 'data/0', type: 'data', index: 0, path: dirname(path) }];
    const { size, mtimeNs, ino, ctimeNs } = lstatSync(path, { bigint: true });
    const file = { key: `data/0/${basename(path)}`, size: `${size}`, mtimeNs: `${mtimeNs}`, ino: `${ino}` };
    return { file, ctimeNs: `${ctimeNs}` };
  };
  const ctimesOf = async (file: ListedFile): Promise<unknown> => {
    const [answer] = await digestFiles({ algorithm: BLOCK_DIGEST, roots, files: [file] });
    expect(answer).toHaveProperty('digest');
    return 'digest' in answer! ? answer.ctimeNs : answer;
  };

  test('an answer has the ctime, and the blocks on request', async () => {
    const { file, ctimeNs } = old();
    const job = { algorithm: BLOCK_DIGEST, roots, files: [file] } as const;
    const [bare] = await digestFiles(job);
    expect(bare).toEqual({ digest: expect.stringMatching(/^[0-9a-f]{16}$/), ctimeNs });
    const [whole] = await digestFiles({ ...job, reportsBlocks: true, reportsYoung: true, direct: true });
    expect(whole).toEqual({ ...bare, young: false, blocks: expect.any(Uint8Array), read: expect.any(String) });
    expect((whole as { blocks: Uint8Array }).blocks).toHaveLength(8);
  });

  test('an answer has no ctime where it is not the listed one, or the file is young', async () => {
    const { file, ctimeNs } = old();
    expect(await ctimesOf({ ...file, ctimeNs })).toBe(ctimeNs);
    expect(await ctimesOf({ ...file, ctimeNs: `${BigInt(ctimeNs) - 1n}` })).toBeUndefined();
    roots = [{ key: 'data/0', type: 'data', index: 0, path: dir }];
    writeFileSync(join(dir, 'ks/a.db'), 'young');
    expect(await ctimesOf(listed('ks/a.db'))).toBeUndefined();
  });

  test.each(['xxhash64', 'md5'] as const)('another digest, %s, has neither', async (algorithm) => {
    const { file } = old();
    const [answer] = await digestFiles({ algorithm, roots, files: [file], reportsBlocks: true });
    expect(answer).toEqual({ digest: expect.any(String) });
  });
});

describe.each(['md5', 'xxhash64'] as const)('at a limit, %s', (algorithm) => {
  test('counts the bytes that files have, not those that reads ask for', async () => {
    const pace = createPace();
    for (let i = 0; i < 50; i++) writeFileSync(join(dir, `ks/${i}`), Buffer.alloc(5000, i));
    const files = Array.from({ length: 50 }, (_, i) => listed(`ks/${i}`));
    await digestFiles({ algorithm, roots, files, paces: [pace] });
    expect(bookedIn(pace)).toBeGreaterThanOrEqual(50 * 5000);
    expect(bookedIn(pace)).toBeLessThan(50 * 5000 * 1.01);
  });

  test('reads no faster, all files together', async () => {
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(dir, 'ks', name), Buffer.alloc(MIB / 2));
    const files = ['a', 'b', 'c', 'd'].map((name) => listed(`ks/${name}`));
    const begun = performance.now();
    const answers = await digestFiles({ algorithm, roots, files, paces: [createPace(4 * MIB)] });
    const seconds = (performance.now() - begun) / 1000;
    expect(answers).toEqual(Array(4).fill({ digest: expect.any(String) }));
    expect(2 * MIB).toBeLessThanOrEqual(4 * MIB * (seconds + 0.1) * 1.5);
  });

  test.each(['the client goes away', 'the pool is closed'])('a thread that waits ends when %s', async (why) => {
    writeFileSync(join(dir, 'ks/big'), Buffer.alloc(MIB));
    const { createDigestPool } = await import('../../dist/modules/reading/digest-pool.js' as string);
    const pool: DigestPool = createDigestPool(1);
    const gone = new AbortController();
    const [stop, counter] = [stopFlagOf(gone.signal), byteCounter()];
    const files = [listed('ks/big'), listed('ks/a.db')];
    const ends = pool.run({ algorithm, roots, files, stop, counter, paces: [createPace(1)] });
    const ended = ends.catch((error) => error); // at a byte a second it would take twelve days
    try {
      await until(() => bytesIn(counter) > 0);
      if (why === 'the pool is closed') await pool.close();
      else gone.abort();
      const outcome = await ended;
      if (outcome instanceof Error) expect(why).toBe('the pool is closed');
      else expect(outcome[0]).toEqual({ result: 'failed', message: 'nobody waits for it any more' });
    } finally {
      await pool.close();
    }
  });
});

test('threads answer as the function does', async () => {
  const built = new URL('../../dist/modules/reading/digest-pool.js', import.meta.url).href;
  const { createDigestPool }: typeof import('../../src/reading/digest-pool.js') = await import(built);
  const pool = createDigestPool(2);
  try {
    const files = [listed('ks/a.db')];
    const answers = await Promise.all(WAYS.map(({ algorithm }) => pool.run({ algorithm, roots, files })));
    expect(answers).toEqual(WAYS.map(({ found }) => [found]));
  } finally {
    await pool.close();
  }
});

test.each([
  ['the busiest that is not full', [4, 2, 0], 4, 1],
  ['a further one when the others are full', [4, 5, 0], 4, 2],
  ['the least busy when all are full', [6, 4, 5], 4, 1],
  ['an idle one when each does one thing at a time', [1, 0, 1], 1, 1],
])('a job goes to %s', (_, loads, full, expected) => {
  const threads = loads.map((load) => ({ load }));
  expect(threads.indexOf(pick(threads, full))).toBe(expected);
});
