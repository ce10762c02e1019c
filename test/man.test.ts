// lm man, and the page that is installed.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { COMMAND_HELP, PRINTED_HELP } from '../src/cli/command-table.js';
import { EXIT_MEANING } from '../src/exit-codes.js';
import { OPTION_NAMES, optionOf, variableOf } from '../src/settings/options.js';
import { lm } from './support/lm.js';
import { isInstalled } from './support/shells.js';

const PAGE = fileURLToPath(new URL('../man/lm.1', import.meta.url));

const having = (program: string) => (process.env['CI'] || isInstalled(program) ? test : test.skip);

test('what is installed is what lm man prints', async () => {
  expect(await lm(['man'])).toEqual(
    expect.objectContaining({ code: 0, stdout: readFileSync(PAGE, 'utf8'), stderr: '' }),
  );
});

describe('the page', () => {
  having('man')('has every command, option, default and exit code, and man has nothing to complain of', () => {
    const env = { PATH: process.env['PATH'], MANWIDTH: '500', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' };
    const { stdout, stderr, status } = spawnSync('man', ['--warnings', '-l', PAGE], { env, encoding: 'utf8' });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const text = stdout.replaceAll(/.\x08/g, '').replaceAll(/\s+/g, ' ');
    for (const [name, { summary }] of Object.entries({ ...COMMAND_HELP, ...PRINTED_HELP })) {
      expect(text).toContain(` lm ${name} `);
      expect(text).toContain(summary.slice(1));
    }
    for (const name of OPTION_NAMES) {
      const { given, help, default: value } = optionOf(name);
      if (given !== undefined) continue;
      expect(text).toContain(` --${name} `);
      expect(text).toContain(help.replaceAll(/\s+/g, ' '));
      if (value !== undefined) expect(text).toContain(`(default: ${value})`);
    }
    for (const meaning of Object.values(EXIT_MEANING)) expect(text).toContain(meaning);
    expect(text).toContain(variableOf('max-delete'));
  });

  /** It has no date: the page of a version does not depend on the day on which it was made. */
  having('mandoc')('mandoc misses nothing in it but a date', () => {
    const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', PAGE], { encoding: 'utf8' });
    expect(stdout.trim().split('\n')).toEqual([expect.stringContaining('missing date')]);
  });

  having('mandoc')('mandoc shows it', () => {
    const text = execFileSync('mandoc', ['-T', 'ascii', PAGE], { encoding: 'utf8' });
    expect(text.replaceAll(/.\x08/g, '')).toMatch(/^NAME\n +lm - moves data directories /m);
  });
});
