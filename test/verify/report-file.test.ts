import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { VerifyReport } from '../../src/report/verify-report.js';
import { createReportFile } from '../../src/verify/report-file.js';

test('a report whose name has been taken by a directory meanwhile fails, and leaves no temporary file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lm-report-'));
  try {
    const path = join(dir, 'report');
    const file = createReportFile(path, {});
    expect(readdirSync(dir)).toEqual([expect.stringMatching(/^report\.[0-9a-f-]{36}\.new$/)]);
    mkdirSync(path);
    const ended = { type: 'verify-ended', report: {} as VerifyReport, exitCode: 0, message: '' } as const;
    expect(() => file.emit(ended)).toThrow(`cannot write ${path}: EISDIR`);
    file.close();
    expect(readdirSync(dir)).toEqual(['report']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
