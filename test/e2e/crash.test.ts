// The machine itself went down after a copy: what was not surely on disk is read again before it counts.

import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readJournal } from '../../src/state/journal/journal.js';
import { seal } from '../../src/state/sealed-lines.js';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';

/** The journal as a copy under another boot would have left it, had its machine gone down before the first sync point. */
function pretendCrash(dir: string): void {
  const path = join(dir, 'journal.jsonl');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const records = lines.map((line) => JSON.parse(line)).filter(({ type }) => type !== 'sync-point');
  const before = records.map(({ v: _v, sum: _sum, at, ...record }) =>
    seal({ ...record, ...(record.boot && { boot: 'another-boot' }) }, at),
  );
  writeFileSync(path, before.join(''));
}

/** Other bytes, the same size and time. */
function damage(path: string): void {
  const { atime, mtime, size } = statSync(path);
  writeFileSync(path, Buffer.alloc(size));
  utimesSync(path, atime, mtime);
}

test('a file that lost its bytes in a crash is fetched again, and then trusted', async () => {
  const { source, destination } = sandbox();
  const whole = { a: 'first', b: file({ size: 9_000_000 }), c: 'third' };
  const from = source.write('data', whole);
  for (const name of Object.keys(whole)) utimesSync(join(from, name), 1_700_000_000, 1_700_000_000);
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  const [instance] = readdirSync(destination.stateDir);
  const dir = join(destination.stateDir, instance!);
  damage(join(to, 'a'));
  damage(join(to, 'b'));
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 }); // the same boot: nothing is suspect
  expect(readFileSync(join(to, 'a'))).toEqual(Buffer.alloc(5));

  pretendCrash(dir);
  const { code, stdout } = await destination.lm(['copy', '--json']);
  expect(code).toBe(0);
  expect(jsonLines(stdout).at(-1)!['report'].status[0]).toMatchObject({ filesToDownload: 2, filesDownloaded: 2 });
  expect(stdout).toMatch(/3 files may not have been on disk: compared by digest, 2 to be copied again/);
  expect(await readTree(to)).toEqual(await readTree(from));
  expect(readJournal(dir).unsynced).toEqual([]);
});
