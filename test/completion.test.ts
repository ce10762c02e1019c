// lm completion: what real shells offer with its scripts.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { COMMANDS, OPTION_NAMES, optionOf } from '../src/settings/options.js';
import { lm } from './support/lm.js';
import { sandbox } from './support/sandbox.js';
import { isInstalled, offers, SHELLS } from './support/shells.js';

const LINES: Record<string, string[]> = {
  'lm co': ['complete', 'completion', 'config', 'copy'],
  'lm verify --al': ['--algo', '--allow-running'],
  'lm verify --algo ': ['crc32c', 'md5', 'xxhash32', 'xxhash64'],
  'lm verify --algo=x': ['xxhash32', 'xxhash64'],
  'lm --color always copy --diff s': ['size'],
  'lm copy --root da': ['data'],
  'lm copy --root data=al': ['al pha', 'alpha'],
  'lm copy --root=data=al': ['al pha', 'alpha'],
  'lm copy --root data=/a --roo': ['--root'],
  'lm copy --config al': ['al pha', 'alfile', 'alpha'],
  'lm copy --config=al': ['al pha', 'alfile', 'alpha'],
  'lm copy --backup-dir alp': ['alpha'],
  'lm serve --token-for list=al': ['al pha', 'alfile', 'alpha'],
  'lm serve --listen :9043 --tls-c': ['--tls-cert'],
  'lm copy http://x:1 alp': ['alpha'],
  'lm copy complete --thr': ['--threshold'],
  'lm copy --threshold ': [],
  'lm config s': ['show'],
  'lm config show --js': ['--json'],
  'lm help sta': ['status'],
  'lm completion ': ['bash', 'fish', 'zsh'],
};

describe.each(SHELLS)('%s', (shell) => {
  const inShell = process.env['CI'] || isInstalled(shell) ? test : test.skip;

  inShell('offers commands, options, values and paths', async () => {
    const { dir, source } = sandbox();
    const { code, stdout } = await source.lm(['completion', shell]);
    expect(code).toBe(0);
    const script = join(dir, 'script');
    writeFileSync(script, stdout);
    const here = source.path('here');
    for (const name of ['alpha', 'al pha']) mkdirSync(join(here, name), { recursive: true });
    writeFileSync(join(here, 'alfile'), '');

    const ofCommands = COMMANDS.map((command) => [`lm ${command} --`, optionsOf(command)] as const);
    const expected = { ...LINES, ...Object.fromEntries(ofCommands) };
    const lines = Object.keys(expected);
    const found = offers(shell, script, lines, here);
    expect(Object.fromEntries(lines.map((line, i) => [line, found[i]]))).toEqual(expected);
  });
});

const optionsOf = (command: (typeof COMMANDS)[number]): string[] =>
  OPTION_NAMES.filter((name) => optionOf(name).commands.includes(command) && optionOf(name).given === undefined)
    .map((name) => `--${name}`)
    .concat('--help')
    .sort();

test.each([
  ['bsh', "completion: got 'bsh', takes bash, zsh or fish", 'did you mean bash?', 'error usage (2)'],
  ['ksh93', "completion: got 'ksh93', takes bash, zsh or fish", 'see lm completion --help', 'error usage (2)'],
  [undefined, "missing required argument 'SHELL'", 'see lm completion --help', 'error command-line (2)'],
])('the shell %s is refused in one line', async (shell, message, hint, kind) => {
  expect(await lm(['completion', ...(shell ? [shell] : [])])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `lm: ${message}\nhint: ${hint}\n${kind}: nothing was begun\n`,
  });
});

test('no settings are in its way', async () => {
  const { source } = sandbox();
  source.write('', { 'lm.yaml': 'not: [settings' });
  for (const args of [['completion', 'bash'], ['man']])
    expect(await source.lm(args, { env: { LM_TRESHOLD: '2' } })).toMatchObject({ code: 0, stderr: '' });
});
