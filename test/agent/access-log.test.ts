// An access log is a file of its own: whatever else has its name is left alone, and holds nobody up.

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openAccessLog } from '../../src/agent/access-log.js';
import { createReportFile } from '../../src/verify/report-file.js';
import { IS_ROOT, OTHER_USER } from '../support/as-user.js';
import { sandbox } from '../support/sandbox.js';

const PLANTED: Record<string, [plant: (path: string) => void, message: RegExp]> = {
  'a pipe': [(path) => void execFileSync('mkfifo', [path]), /is no regular file/],
  'a link': [(path) => symlinkSync(`${path}.other`, path), /is a symbolic link/],
  'a link to nothing': [(path) => symlinkSync(`${path}.gone`, path), /is a symbolic link/],
  'a directory': [(path) => mkdirSync(path), /EISDIR/],
  ...(process.getuid?.() === 0 && {
    'a second name of another file': [(path: string) => linkSync(`${path}.other`, path), /has another name besides/],
  }),
};

test.each(Object.entries(PLANTED))('%s is no access log', (_, [plant, message]) => {
  const path = join(sandbox().dir, 'log');
  writeFileSync(`${path}.other`, 'precious');
  plant(path);
  expect(() => openAccessLog(path, () => {})).toThrow(
    expect.objectContaining({ code: 'local', message: expect.stringMatching(message) }),
  );
  expect(readFileSync(`${path}.other`, 'utf8')).toBe('precious');
});

test('its error has a kind of its own', () => {
  const path = join(sandbox().dir, 'log');
  execFileSync('mkfifo', [path]);
  expect(() => openAccessLog(path, () => {})).toThrow(expect.objectContaining({ kind: 'access-log' }));
});

(IS_ROOT ? test : test.skip)('what lies behind a link that another user has made is neither log nor report', () => {
  const { dir } = sandbox();
  mkdirSync(join(dir, 'precious'));
  for (const [name, uid] of [
    ['own', 0],
    ['planted', OTHER_USER],
  ] as const) {
    symlinkSync(join(dir, 'precious'), join(dir, name));
    lchownSync(join(dir, name), uid, uid);
  }
  const why = `lies behind the link ${join(dir, 'planted')}, which belongs to uid ${OTHER_USER}`;
  expect(() => openAccessLog(join(dir, 'planted/log'), () => {})).toThrow(why);
  expect(() => createReportFile(join(dir, 'planted/report'), {})).toThrow(why);
  expect(readdirSync(join(dir, 'precious'))).toEqual([]);
  chownSync(dir, OTHER_USER, OTHER_USER); // where it is written, others may write
  openAccessLog(join(dir, 'own/log'), () => {}).close();
  createReportFile(join(dir, 'own/report'), {}).close();
  expect(readdirSync(join(dir, 'precious'))).toEqual(['log']);
});
