// The command-line parser, and the layout of the help.
import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { COMMAND_HELP, PRINTED_HELP, type PrintingName } from '../src/cli/command-table.js';
import { parseArguments } from '../src/cli/parse.js';
import { EXIT, EXIT_MEANING } from '../src/exit-codes.js';
import { COMMANDS, OPTION_NAMES, optionOf } from '../src/settings/options.js';
import { refusalOf } from './support/settings.js';

function run(argv: string[], columns?: number) {
  const stdout = Object.assign(new PassThrough(), columns === undefined ? {} : { columns });
  const stderr = new PassThrough();
  const result = parseArguments(argv, { stdout, stderr, version: '1.2.3' });
  return { result, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

describe('the command line is parsed, and its values are not checked', () => {
  test.each([
    ['copy http://s:1 /d', { flags: { url: 'http://s:1' }, dir: '/d' }],
    ['copy http://s:1', { flags: { url: 'http://s:1' } }],
    ['copy /d', { flags: {}, dir: '/d' }],
    ['copy d', { flags: {}, dir: 'd' }],
    ['copy source:9043', { flags: { url: 'source:9043' } }],
    ['copy', { flags: {} }],
    ['copy --threshold 95', { flags: { threshold: '95' } }],
    ['copy --root data=/a --root data=/b', { flags: { root: ['data=/a', 'data=/b'] } }],
    ['copy --dry-run --json', { flags: { 'dry-run': true, json: true } }],
    ['--json copy --config x', { flags: { json: true, config: 'x' } }],
    ['copy --threshold 1 --threshold 0.5', { flags: { threshold: '0.5' } }],
    ['copy -- --odd', { flags: {}, dir: '--odd' }],
    ['serve /d --insecure', { command: 'serve', flags: { insecure: true }, dir: '/d' }],
    ['config show --json', { command: 'config show', flags: { json: true } }],
  ])('lm %s', (line, expected) => {
    expect(run(line.split(' ')).result).toEqual({ command: 'copy', dir: undefined, ...expected });
  });
});

test.each([
  ['cpy', "unknown command 'cpy'", 'did you mean copy?'],
  ['help cpy', "unknown command 'cpy'", 'did you mean copy?'],
  ['cpy --help', "unknown command 'cpy'", 'did you mean copy?'],
  ['copy --treshold 1', "unknown option '--treshold'", 'did you mean --threshold?'],
  ['serve --\u001b[31m', "unknown option '--\\u{1b}[31m'", 'see lm serve --help'],
  ['serve --threshold 1', "unknown option '--threshold'", 'see lm serve --help'],
  ['copy --threshold', "option '--threshold <RATIO>' argument missing", 'see lm copy --help'],
  ['serve a b', "too many arguments for 'serve'. Expected 1 argument but got 2", 'see lm serve --help'],
  ['config show --threshold 1', "unknown option '--threshold'", 'see lm config show --help'],
  ['complete /d', "too many arguments for 'complete'. Expected 0 arguments but got 1", 'see lm complete --help'],
])('lm %s is refused in one line', async (line, message, hint) => {
  expect(await refusalOf(() => run(line.split(' ')))).toEqual({ code: 'usage', message, hint });
});

const PRINTING = Object.keys(PRINTED_HELP) as PrintingName[];

describe('help', () => {
  test.each([...COMMANDS, ...PRINTING])(
    'lm %s --help ends with the exit codes of the command, and goes to stdout',
    (name) => {
      const { result, stdout, stderr } = run([...name.split(' '), '--help']);
      expect(result).toBe(0);
      expect(stderr).toBe('');
      const lines = stdout.trimEnd().split('\n');
      const codes = lines.slice(lines.indexOf('Exit codes:') + 1);
      expect(codes.map((line) => Number(line.slice(2, 7)))).toEqual(
        { ...COMMAND_HELP, ...PRINTED_HELP }[name].exits.map((exit) => EXIT[exit]),
      );
      expect(codes[0]).toBe(`  0    ${EXIT_MEANING.ok}`);
      expect(lines).toContain('Examples:');
    },
  );

  test.each(COMMANDS)('lm %s --help lists each option of the command with its default, and no other option', (name) => {
    const { stdout } = run([...name.split(' '), '--help'], 100);
    const told = [...stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map((match) => match[1]);
    const own = OPTION_NAMES.filter(
      (option) => optionOf(option).commands.includes(name) && optionOf(option).given === undefined,
    );
    expect(told.sort()).toEqual([...own].sort());
    const flat = stdout.replaceAll(/\s+/g, ' ');
    for (const option of own)
      if (optionOf(option).default) expect(flat).toContain(`(default: ${optionOf(option).default})`);
  });

  test.each([40, 80])('no line is wider than %i columns', (columns) => {
    for (const words of [
      [],
      ['config'],
      ...PRINTING.map((name) => [name]),
      ...COMMANDS.map((name) => name.split(' ')),
    ]) {
      const { stdout } = run([...words, '--help'], columns);
      expect(stdout.split('\n').filter((line) => line.length > columns)).toEqual([]);
    }
  });

  test('an example that is broken into lines can still be pasted', () => {
    const { stdout } = run(['serve', '--help'], 40);
    const example = COMMAND_HELP.serve.examples[1]!;
    expect(stdout.replaceAll(/ \\\n +/g, ' ')).toContain(`  ${example}\n`);
  });

  test('every example is a command line that lm accepts', () => {
    for (const { examples } of Object.values(COMMAND_HELP))
      for (const example of examples) {
        const [, words] = /^(?:LM_\S+ )?lm (.*)$/.exec(example)!;
        expect(run(words!.split(' ')).result).toHaveProperty('command');
      }
  });

  test('without a command: help on stderr, exit code 2', () => {
    expect(run([])).toMatchObject({ result: 2, stdout: '', stderr: expect.stringContaining('Usage: lm') });
    expect(run(['config'])).toMatchObject({
      result: 2,
      stdout: '',
      stderr: expect.stringContaining('Usage: lm config'),
    });
  });

  test('lm help copy, lm --version', () => {
    expect(run(['help', 'copy'])).toMatchObject({ result: 0, stdout: expect.stringContaining('Usage: lm copy') });
    expect(run(['--version'])).toMatchObject({ result: 0, stdout: '1.2.3\n' });
  });
});
