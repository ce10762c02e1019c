// SIGKILL of either side at any moment, of a source that goes on changing. After each, everything that stands under its own name is
// some version the source had, and the next copy goes on.

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Running } from '../support/lm.js';
import { HAS_STRACE, inForm, SEED, tally } from './form.js';
import { sabotaged } from './strace.js';
import { FOREIGN } from './witness.js';
import { COPY, type World, world } from './world.js';

const WORLDS = inForm(8, 1);
const KILLS_EACH = inForm(40, 14);

/** Phases of a pass, from whose beginning on a random time is let go by, at most so long. */
const PHASES = { LISTING: 60, CLEANING: 15, PREPARING: 15, DOWNLOADING: 80 } as const;
const PHASE_NAMES = Object.keys(PHASES) as Phase[];

/** System calls at whose entry the client is killed: the Nth of a thread. */
const CALLS = [
  { doing: 'publishing', calls: 'rename', most: 60 },
  { doing: 'removing', calls: 'unlink', most: 20 },
  { doing: 'making directories', calls: 'mkdir', most: 8 },
  { doing: 'setting attributes', calls: 'utimensat', most: 80 },
  { doing: 'syncing', calls: 'fsync,fdatasync,syncfs', most: 12 },
  { doing: 'writing its journal', calls: 'write', most: 8, journal: true },
] as const;

/** Each in its turn, so that the short form has all of them too. */
const STRIKES: ((all: World, round: number) => Promise<boolean>)[] = [
  ...PHASE_NAMES.map((phase) => (all: World, round: number) => clientDies(all, round, phase)),
  ...PHASE_NAMES.map((phase) => (all: World, round: number) => agentDies(all, round, phase)),
  ...(HAS_STRACE ? CALLS : []).map((call) => (all: World, round: number) => clientDiesAtCall(all, round, call)),
  (all, round) => judged(all, startCopy(all), 'not disturbed', round),
];

test.each(Array.from({ length: WORLDS }, (_, i) => i))(
  'world %d: killed again and again, it loses nothing',
  async (number) => {
    const all = await world(`kills ${number}`);
    all.living.start(4);
    const first = all.draw.below(STRIKES.length);
    for (let round = 0, kills = 0; kills < KILLS_EACH; round++) {
      if (round > 4 * KILLS_EACH) throw new Error('hardly any kill has hit');
      leaveSomethingToDo(all, round);
      if (await STRIKES[(first + round) % STRIKES.length]!(all, round)) kills++;
    }
    await all.concludes();
    expect(await all.destination.lm(['verify'])).toMatchObject({ code: 0, stderr: '' });
  },
  900_000,
);

/** There is always something to clean, and something to fetch. */
function leaveSomethingToDo({ to, draw, witness }: World, round: number): void {
  for (let i = 0; i < 30; i++) writeFileSync(join(to, `${round}-${i}${FOREIGN}`), '');
  for (const key of [`still/d${draw.below(12)}`, `still/d${draw.below(12)}`, `still/big${draw.below(3)}`])
    witness.lose(key);
}

const startCopy = (all: World, under: string[] = []): Running =>
  all.destination.start(['copy', all.url, all.to, ...COPY, '--json'], { under });

type Phase = keyof typeof PHASES;

async function clientDies(all: World, round: number, phase: Phase): Promise<boolean> {
  const afterMs = all.draw.below(PHASES[phase]);
  const copy = startCopy(all);
  if (await reaches(copy, phase)) await pause(afterMs);
  copy.kill('SIGKILL');
  return judged(all, copy, `client killed ${afterMs} ms after ${phase}`, round, `client while ${phase}`);
}

async function clientDiesAtCall(all: World, round: number, call: (typeof CALLS)[number]): Promise<boolean> {
  const { doing, calls, most } = call;
  const when = String(1 + all.draw.below(most));
  const paths = 'journal' in call ? journals(all) : [];
  const log = all.destination.path('strace.log');
  const copy = startCopy(all, sabotaged({ calls, what: 'SIGKILL', when, paths, log }));
  return judged(all, copy, `client killed at its ${calls} number ${when}`, round, `client while ${doing}`);
}

/** The client comes through when the agent is back soon enough, and otherwise says so. */
async function agentDies(all: World, round: number, phase: Phase): Promise<boolean> {
  const afterMs = all.draw.below(PHASES[phase]);
  const copy = startCopy(all);
  const hit = await reaches(copy, phase);
  await pause(afterMs);
  await all.restartAgent(all.draw.below(1_500));
  await judged(all, copy, `agent killed ${afterMs} ms after ${phase}`, round);
  if (hit) tally('kills', `agent while ${phase}`);
  return hit;
}

/** False when it has ended before. */
const reaches = (copy: Running, phase: string): Promise<boolean> =>
  copy.says(new RegExp(`"state":"${phase}"`)).then(
    () => true,
    () => false,
  );

/** Whether the copy was killed. One that was not has ended as it may: the source never stands still. */
async function judged(all: World, copy: Running, moment: string, round: number, counts?: string): Promise<boolean> {
  const { signal, code, stderr } = await copy.done;
  const said = `round ${round}: ${moment}`;
  if (signal === 'SIGKILL') {
    all.witness.look(said);
    if (counts) tally('kills', counts);
    return true;
  }
  if (code === 0) all.witness.lookWhenDone(said);
  else all.witness.look(said);
  // 5: an agent that was killed has not come back in time, on a busy machine.
  if (code !== 0 && code !== 3 && (code !== 5 || !moment.startsWith('agent')))
    throw new Error(`${said}: ended ${code}, LM_SEED=${SEED}\n${stderr}`);
  return false;
}

const journals = ({ destination: { stateDir } }: World): string[] =>
  existsSync(stateDir) ? readdirSync(stateDir).map((instance) => join(stateDir, instance, 'journal.jsonl')) : [];
