// What is no file, or no directory, where a command takes one: each ends in a line and a code of the table, and waits for nobody.

import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { selfSigned } from '../../src/agent/access/self-signed.js';
import { type CommandName, OPTIONS, type OptionName } from '../../src/settings/options.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, link } from '../support/tree.js';

interface Line {
  option: OptionName;
  odd: string;
  words: string[];
}

/** `wrong` is a directory for what takes a file, and a file for what takes a directory. */
const ODD = ['pipe', 'socket', 'device', 'loop', 'wrong'] as const;

const URL = 'https://127.0.0.1:1';
const NEEDS: Partial<Record<CommandName, string>> = {
  serve: 'DIR --listen 127.0.0.1:0',
  copy: `${URL} DIR`,
  verify: `${URL} DIR`,
};

/** `PEM` is a certificate with its key. */
const BESIDE: Partial<Record<OptionName, string>> = {
  'tls-cert': '--tls-key PEM',
  'tls-key': '--tls-cert PEM',
  'client-ca': '--tls-cert PEM --tls-key PEM',
  'client-cert': '--client-key PEM',
  'client-key': '--client-cert PEM',
};

/** Each option that takes a path, with each command that takes the option: a pipe always, the others once. */
function everyLine(): Line[] {
  const lines: Line[] = [];
  for (const [option, { type, commands }] of Object.entries(OPTIONS) as [OptionName, (typeof OPTIONS)[OptionName]][])
    for (const command of /^(FILE|DIR|TYPE=DIR)$/.test(type.metavar) ? commands : [])
      for (const odd of command === commands[0] ? ODD : [ODD[0]])
        if (command !== 'demo') lines.push({ option, odd, words: wordsOf(command, option, type.metavar, odd) });
  return lines;
}

function wordsOf(command: CommandName, option: OptionName, metavar: string, odd: string): string[] {
  const value = odd === 'wrong' ? (metavar === 'FILE' ? 'DIR' : 'FILE') : odd;
  const needs = option === 'root' || option === 'cassandra-yaml' ? NEEDS[command]?.replace('DIR', '') : NEEDS[command];
  return [
    ...[command, needs, BESIDE[option]],
    command === 'serve' && option !== 'token-file' ? '--insecure' : '',
    option === 'state-dir' ? '' : '--state-dir STATE',
    `--${option}`,
    metavar === 'TYPE=DIR' ? `data=${value}` : value,
  ]
    .join(' ')
    .split(' ')
    .filter((word) => word !== '');
}

interface Answer {
  code: number;
  /** On stderr; of `lm doctor`, whose errors are its findings, those lines too. */
  said: string;
}

/** All in one process, which is ended when one of them waits. */
function answersTo(lines: Line[], cwd: string): Answer[] {
  const main = fileURLToPath(new globalThis.URL('../../dist/main.js', import.meta.url));
  const script = `import { Writable } from 'node:stream';
    const { main } = await import(${JSON.stringify(main)});
    for (const argv of ${JSON.stringify(lines.map(({ words }) => words))}) {
      let said = '';
      const into = (keep) => new Writable({ write: (chunk, _, done) => { keep(String(chunk)); done(); } });
      const stop = new AbortController();
      const found = argv[0] === 'doctor' ? (text) => { said += (text.match(/^error .*\\n/gm) ?? []).join(''); } : () => {};
      const io = { stdout: into(found), stderr: into((text) => { said += text; }), env: {}, signal: stop.signal, cwd: ${JSON.stringify(cwd)} };
      console.log(JSON.stringify({ code: await main(argv, io), said }));
    }
    process.exit();`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 200_000 });
  return out
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('each ends in a line and a code of the table', async () => {
  const { host, defer } = sandbox();
  const here = host('here');
  here.write('.', {
    ...{ DIR: dir({}), FILE: 'text', device: link('/dev/zero'), loop: link('loop') },
    PEM: file({ content: selfSigned(['localhost'], Date.now()), mode: 0o600 }),
  });
  execFileSync('mkfifo', ['-m', '600', here.path('pipe')]);
  const server = createServer();
  defer(() => server.close());
  await new Promise<void>((done) => server.listen(here.path('socket'), done));
  const lines = everyLine();
  const answers = answersTo(lines, here.dir);
  const wrong = lines
    .map(({ words }, i) => [words.join(' '), answers[i]!] as const)
    .filter(([, answer]) => !isOneLine(answer));
  expect(wrong).toEqual([]);
  const minded = new Set(lines.filter((_, i) => answers[i]!.code !== 0).map(({ option, odd }) => `${option} ${odd}`));
  expect(lines.map(({ option, odd }) => `${option} ${odd}`).filter((each) => !minded.has(each))).toEqual([]);
});

/** A message, what it is about in lines of their own, a hint, and the kind of the error; or a finding; or nothing at all. */
const isOneLine = ({ code, said }: Answer): boolean =>
  code === 0 ? said === '' : [2, 6, 8].includes(code) && (ERROR.test(said) || FINDING.test(said));

const ERROR = /^lm [a-z ]+: .+\n( {2}.+\n)*hint: .+\nerror [a-z-]+ \(\d\).*\n$/;
const FINDING = /^error +[a-z-]+: .+\n$/;
