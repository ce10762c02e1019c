// An access log is a file of its own: whatever else has its name is left alone, and holds nobody up.

import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openAccessLog } from '../../src/agent/access-log.js';
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
