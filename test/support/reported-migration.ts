// A migration with all that a report tells of: several passes, removals, a refusal, waivers, own checks, a verification, its end.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { type Host, sandbox } from './sandbox.js';
import { dir, link, type Tree } from './tree.js';

export interface Reported {
  source: Host;
  destination: Host;
  /** The directories. */
  from: string;
  to: string;
}

const files = (count: number, bytes: number): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, `${i}`.padEnd(bytes, '.')]));

/** Up to the completion at the destination, and without a reset. */
export async function reportedMigration(): Promise<Reported> {
  const { source, destination } = sandbox();
  const odd = { 'odd <b>&amp;\\name': 'x', 'new\nline': 'y', 'quo\'te"': 'z' };
  const from = source.write('srv', {
    ks: dir({ big: dir(files(6, 3_000_000)), small: dir(files(40, 900)), odd: dir(odd), link: link('odd') }),
  });
  const to = destination.path('srv');
  const agent = await source.serve([from]);
  const own = ['--pre-check', 'echo stopped', '--post-check', 'test -d "$LM_ROOTS"'];
  const lm = async (code: number, ...args: string[]): Promise<void> =>
    expect(await destination.lm(args)).toMatchObject({ code });

  await lm(0, 'copy', agent.url, to, '--instance', 'node7', '--threshold', '0.9', ...own);
  for (const name of ['f1', 'f2', 'f3', 'f4', 'f5']) rmSync(join(from, 'ks/big', name));
  rmSync(join(from, 'ks/odd/new\nline'));
  source.write('srv', { ks: dir({ big: dir(files(1, 2_000_000)) }) });
  await lm(6, 'copy', '--threshold', '0.95');
  await lm(0, 'copy', '--threshold', '0.95', '--max-delete', '100%');
  source.write('srv', { ks: dir({ big: dir(files(1, 2_100_000)) }) });
  await lm(0, 'copy', '--allow-running');
  await lm(0, 'verify', '--algo', 'md5');
  await lm(0, 'complete');
  return { source, destination, from, to };
}
