import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createXXHash32, createXXHash64 } from 'hash-wasm';
import { type ManifestAlgorithm, manifestLine } from '../../../src/digest/manifest-line.js';
import { createManifest } from '../../../src/state/evidence/manifest.js';

let dir: string;
let spool: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-manifest-'));
  spool = mkdtempSync(join(tmpdir(), 'lm-manifest-spool-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  rmSync(spool, { recursive: true });
});

/** As a Sidecar writes it. */
async function digestOf(algorithm: ManifestAlgorithm, content: string): Promise<string> {
  if (algorithm === 'md5') return createHash('md5').update(content).digest('base64');
  const hasher = await (algorithm === 'xxhash32' ? createXXHash32() : createXXHash64());
  return hasher
    .init()
    .update(content)
    .digest('hex')
    .replace(/^0+(?=.)/, '');
}

test('batches that come in any order are put in the order of the listing, and nothing else is left', () => {
  const manifest = createManifest(dir, spool);
  manifest.add(2, '0000000c  /d/c\n', 1);
  manifest.add(0, '0000000a  /d/a\n', 1);
  manifest.add(1, '', 0);
  manifest.add(0, '0000000b  /d/b\n', 1);
  manifest.add(3, 'd1234567  /d/d\n', 1);
  expect(existsSync(join(dir, 'manifest'))).toBe(false);
  expect(manifest.finish()).toEqual({ files: 4 });
  manifest.close();
  expect(readFileSync(join(dir, 'manifest'), 'utf8')).toBe(
    '0000000a  /d/a\n0000000b  /d/b\n0000000c  /d/c\nd1234567  /d/d\n',
  );
  expect(readdirSync(dir)).toEqual(['manifest']);
  expect(readdirSync(spool)).toEqual([]);
});

test('one that is not finished takes nothing away from an earlier one', () => {
  writeFileSync(join(dir, 'manifest'), 'earlier');
  const manifest = createManifest(dir, spool);
  manifest.add(0, 'of an unfinished one\n', 1);
  manifest.close();
  expect(readFileSync(join(dir, 'manifest'), 'utf8')).toBe('earlier');
});

/** What xxhsum before 0.8.2 cannot read is in HOSTILE. */
const NAMES = ['plain', 'with space', ' lead', 'back\\slash', '*star', 'ünï', '-dash'];
const HOSTILE = ['new\nline', 'carriage\rreturn', 'both\\\n'];

/** Where it is missing on CI, the tests fail: .ci/run installs it. */
const testXxhsum = process.env['CI'] || spawnSync('xxhsum', ['--version']).status === 0 ? test : test.skip;

describe('the tools that are to check it find every file', () => {
  const lines = async (algorithm: ManifestAlgorithm, names: readonly string[]): Promise<string> => {
    let text = '';
    for (const name of names) {
      const path = join(dir, name);
      writeFileSync(path, `content of ${name}`);
      text += manifestLine(algorithm, await digestOf(algorithm, `content of ${name}`), path);
    }
    return text;
  };

  test('md5sum, names with newlines too', async () => {
    writeFileSync(join(spool, 'sums'), await lines('md5', [...NAMES, ...HOSTILE]));
    execFileSync('md5sum', ['--check', '--strict', '--quiet', join(spool, 'sums')]); // throws for a line that it cannot read
    writeFileSync(join(dir, 'plain'), 'other');
    expect(spawnSync('md5sum', ['--check', '--quiet', join(spool, 'sums')], { encoding: 'utf8' })).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/plain: FAILED\n$/),
    });
  });

  testXxhsum.each(['xxhash32', 'xxhash64'] as const)('xxhsum (apt-get install xxhash), by %s', async (algorithm) => {
    writeFileSync(join(spool, 'sums'), await lines(algorithm, NAMES));
    execFileSync('xxhsum', ['--check', '--strict', '--quiet', join(spool, 'sums')]);
    writeFileSync(join(dir, 'plain'), 'other');
    expect(spawnSync('xxhsum', ['--check', '--quiet', join(spool, 'sums')]).status).toBe(1);
  });

  test('a name with a newline is one line for xxhsum too', () => {
    expect(manifestLine('xxhash32', 'a', '/d/new\nline\\')).toBe('\\0000000a  /d/new\\nline\\\\\n');
    expect(manifestLine('xxhash64', 'a', '/d/back\\slash')).toBe('000000000000000a  /d/back\\slash\n');
  });
});
