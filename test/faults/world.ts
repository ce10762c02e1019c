// A living source, its agent, and a destination with things a copy must leave alone: what most cases of the suite begin with.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from '@jest/globals';
import type { Agent } from '../support/lm.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';
import { readTree, type Snapshot } from '../support/tree.js';
import { type Chance, chance, roomyDirectory } from './form.js';
import { LivingSource } from './living-source.js';
import { Witness } from './witness.js';

export interface World extends Sandbox {
  draw: Chance;
  living: LivingSource;
  to: string;
  witness: Witness;
  /** Always at the same address, however often it is restarted. */
  url: string;
  agent(): Agent;
  /** SIGKILL, and after a while another in its place; resolves when it answers. */
  restartAgent(afterMs: number): Promise<void>;
  /** A quiet source, a last copy: now everything must be there, exactly. */
  concludes(): Promise<void>;
}

/** How most cases copy. Just below 1.0, where a copy would rightly ask for a source that stands still. */
export const COPY = [
  ...['--threshold', '0.99999', '--max-iterations', '2', '--concurrency', '4'],
  ...['--max-delete', '100%', '--adopt'],
];

/** What neither side's listing tells of: excluded at the destination, or not below its root at all. */
const KEPT = ['data/own.keep', 'data/still/d0/own.keep', 'data/foreign/deep/own.keep', 'beside/file', 'data2/file'];

export async function world(name: string): Promise<World> {
  const draw = chance(name);
  const box = sandbox(roomyDirectory(1 << 30));
  const { source, destination, defer } = box;
  mkdirSync(source.home, { recursive: true });
  const living = new LivingSource(source.path('data'), draw);
  living.fill();
  defer(() => living.stop());
  const to = destination.write('data', {});
  const untouchable = Object.fromEntries(KEPT.map((key) => [destination.path(key), `kept: ${key}`]));
  for (const [path, content] of Object.entries(untouchable)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  destination.write('', { 'lm.yaml': 'live_migration: { files_to_exclude: ["glob:**/*.keep"] }\n' });
  const witness = new Witness({ host: destination, to, versions: living.versions, still: living.still, untouchable });
  let agent = await serveBelow(source, living.dir, draw);
  const { url } = agent;
  return {
    ...box,
    draw,
    living,
    to,
    witness,
    url,
    agent: () => agent,
    async restartAgent(afterMs) {
      agent.process.kill('SIGKILL');
      await agent.process.done;
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      agent = await source.serve([living.dir, '--listen', new URL(url).host]);
    },
    async concludes() {
      living.stop();
      const final = await destination.lm(['copy', url, to, '--max-delete', '100%', '--adopt']);
      expect(final).toMatchObject({ code: 0, stderr: expect.stringMatching(LOSS_OR_NOTHING) });
      witness.lookWhenDone('after the last copy');
      execFileSync('diff', ['-r', '--no-dereference', '--exclude=*.keep', '--exclude=foreign', living.dir, to]);
      const kept = (key: string) => key.endsWith('.keep') || key.startsWith('foreign');
      const there: Snapshot = await readTree(to, { directoryTimes: true });
      const copied = Object.fromEntries(Object.entries(there).filter(([key]) => !kept(key)));
      expect(copied).toEqual(await readTree(living.dir, { directoryTimes: true }));
    },
  };
}

/** What a case has removed from the destination is missed, and said; so is what it has put there, once a pass was complete before. */
const LOSS_OR_NOTHING =
  /^(?:warning: .* left by the last complete pass went from here .*\n)?(?:warning: .* by somebody other than lm; given to lm by --adopt: .*\n)?$/;

/** Where no kernel puts a listener or a connection of its own accord, so that the port is still there after a restart. */
async function serveBelow(source: Host, dir: string, draw: Chance): Promise<Agent> {
  for (let tries = 0; ; tries++) {
    const address = `127.0.0.1:${20_000 + ((draw.below(12_000) + process.pid) % 12_000)}`;
    try {
      return await source.serve([dir, '--listen', address]);
    } catch (error) {
      if (tries === 5) throw error; // the port is somebody's
    }
  }
}
