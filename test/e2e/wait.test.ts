// `lm wait`: what it waits for, how it ends, and that it is woken by what changes.

import { expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { file } from '../support/tree.js';

/** Far longer than any test: only a change of the records can have ended a wait. */
const NEVER = ['--interval', '1h'];
/** It ends after two of these without anybody at work. */
const SOON = ['--interval', '100ms'];
const MIB = 1024 * 1024;

async function pair() {
  const box = sandbox();
  const { source, destination } = box;
  const agent = await source.serve([source.write('data', { a: 'a', big: file({ size: 4 * MIB }) })]);
  const to = destination.write('data', {});
  const wait = (...args: string[]) => destination.start(['wait', '--until', ...args]);
  const done = async (code: number, ...args: string[]) => expect(await destination.lm(args)).toMatchObject({ code });
  return { ...box, agent, to, wait, done };
}

test('is woken by the records, from before the first copy to the completion', async () => {
  const { destination, agent, to, done } = await pair();
  const waits = new Map(
    ['converged', 'copied', 'verified', 'complete'].map((goal) => [
      goal,
      destination.start(['wait', '--until', goal, ...NEVER]),
    ]),
  );
  for (const wait of waits.values()) await wait.says(/^waiting until .*; nothing is known of it yet$/m);
  const ended = async (goal: string) =>
    expect(await waits.get(goal)!.done).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^reached \(/m),
      stderr: '',
    });
  await done(0, 'copy', agent.url, to, '--threshold', '0.5');
  await ended('converged');
  await done(0, 'copy');
  await ended('copied');
  await done(0, 'verify');
  await ended('verified');
  await done(0, 'complete');
  await ended('complete');
});

longTest('ends with what was reached before, and with 3 short of it', async () => {
  const { agent, to, wait, done } = await pair();
  await done(0, 'copy', agent.url, to, '--threshold', '0.5');
  expect(await wait('converged', '--quiet', ...NEVER).done).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^reached \(converged: .*\)\nnext: stop the service on the source, then lm copy --threshold 1\.0\nwhy: .*\n$/,
    ),
  });
  expect(await wait('copied', '--json', ...SOON).done).toMatchObject({ code: 3 });
  const { stdout } = await wait('copied', '--json', ...SOON).done;
  expect(jsonLines(stdout)).toMatchObject([
    { type: 'waiting', until: 'copied', timeoutMs: null },
    {
      type: 'summary',
      command: 'wait',
      exitCode: 3,
      result: 'belowThreshold',
      next: { command: 'lm copy --threshold 1.0' },
    },
  ]);
});

longTest('at the end of its time, it ends with 9', async () => {
  const { destination, agent, to, proxy, wait } = await pair();
  const between = await proxy(agent.url, { stallAfter: MIB });
  const copy = destination.start(['copy', between.url, to]);
  await between.stalled;
  expect(await wait('copied', '--timeout', '300ms', ...NEVER).done).toMatchObject({
    code: 9,
    stdout: expect.stringMatching(
      /^waiting until a final pass has succeeded \(data\/0=.*\), for 0\.3 s at most; at work: lm copy \(pid .*\n(.*\n)*not reached within 0\.3 s \(copied: .*\); at work: lm copy \(pid/,
    ),
  });
  copy.kill('SIGTERM');
  await copy.done;
  expect(await wait('copied', ...SOON).done).toMatchObject({
    code: 5,
    stdout: expect.stringMatching(/^next: lm copy$/m),
  }); // it was interrupted
});

longTest('ends with the code of the run that did not get there', async () => {
  const { destination, agent, to, wait, done } = await pair();
  await done(0, 'copy', agent.url, to);
  flipBit(destination.path('data', 'big'), 2 * MIB);
  await done(4, 'verify');
  expect(await wait('verified', ...SOON).done).toMatchObject({
    code: 4,
    stdout: expect.stringMatching(/^next: lm verify --repair$/m),
  });
  await done(6, 'complete');
  expect(await wait('complete', ...SOON).done).toMatchObject({ code: 6 });
  expect(await wait('copied', ...SOON).done).toMatchObject({ code: 0 });
});

test('where it is not clear what is meant, it ends with 2', async () => {
  const { source, destination, wait } = await pair();
  expect(await wait('verifed').done).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^lm wait: --until: got 'verifed', takes converged, copied, verified or complete\nhint: did you mean verified\?\nerror usage /,
    ),
  });
  expect(await destination.lm(['wait'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^lm wait: nothing to wait for .*\nhint: --until takes converged, /),
  });
  expect(await source.lm(['wait', '--until', 'copied'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/is the source: /),
  });
});

longTest('a migration that nobody begins is not waited for', async () => {
  const { destination } = sandbox();
  expect(await destination.lm(['wait', '--until', 'copied', ...SOON])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^lm wait: no migration is known on this host\n/),
  });
});
