// A whole migration by the commands that the program names as next, from doctor to report, with nothing thought up in between.

import { spawnSync } from 'node:child_process';
import { expect } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, file, readTree } from '../support/tree.js';

/** More than it can take; a circle would go on for ever. */
const MAX_COMMANDS = 12;

/** As a shell divides it. */
function wordsOf(command: string): string[] {
  const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${command}`]);
  const [program, ...words] = stdout.toString().split('\0').slice(0, -1);
  expect(program).toBe('lm');
  return words;
}

/** Runs it, and returns what it is called without what tells this migration from others. */
async function runNamed(host: Host, command: string): Promise<string> {
  const { code, stdout, stderr } = await host.lm(wordsOf(command));
  expect({ command, code, said: stdout + stderr }).toEqual({ command, code: 0, said: expect.any(String) });
  return command;
}

interface Next {
  command: string;
  first?: string;
}

async function nextAt(host: Host): Promise<Next> {
  const { stdout } = await host.lm(['status', '--json']);
  const [told] = jsonLines(stdout).filter(({ next }) => next !== undefined) as unknown as { next: Next }[];
  return told!.next;
}

longTest('from doctor to report, each command is one that the one before has named', async () => {
  const { source, destination } = sandbox();
  const from = source.write("the service's data", { big: file({ size: 9 << 20 }), d: dir({ small: 's' }) });
  const to = destination.write("the service's data", {});
  const agent = await source.serve([from]);

  const examined = await destination.lm(['doctor', agent.url, to]);
  expect(examined.code).toBe(0);
  const [, first] = /^next: (lm .*)$/m.exec(examined.stdout)!;
  const ran = [await runNamed(destination, first!)];
  let isStopped = false;
  for (let next = await nextAt(destination); ran.length < MAX_COMMANDS; next = await nextAt(destination)) {
    if (next.first !== undefined && /stop the service on the source/.test(next.first)) isStopped = true;
    if (next.command === 'lm reset') break;
    ran.push(await runNamed(destination, next.command));
  }
  expect(isStopped).toBe(true);
  expect(await readTree(to)).toEqual(await readTree(from));
  const completed = await nextAt(source);
  ran.push(await runNamed(source, completed.command));
  ran.push(await runNamed(source, (await nextAt(source)).command));
  const reset = await destination.lm(['reset']);
  const [, report] = /(lm report .*)$/m.exec(reset.stdout)!;
  const { stdout } = await destination.lm(wordsOf(report!));
  expect(stdout).toMatch(/^ *verified? /m);

  expect(ran.map((command) => command.replace(/ --(root|instance) .*?(?= --|$)/g, '').replace(/ http\S+/, ''))).toEqual(
    [...['lm copy --threshold 0.95', 'lm copy --threshold 1.0', 'lm verify', 'lm complete', 'lm complete', 'lm reset']],
  );
});
