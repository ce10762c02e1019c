// What lm does and says in some scenarios, against what it did and said before. Whoever means to change it runs
// `npm run test:golden:update`, and reads the difference: see README.md beside this file.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import PQueue from 'p-queue';
import { IS_ROOT } from '../support/as-user.js';
import { SCENARIOS } from './scenarios.js';
import { KINDS, type Kind, Stage, type Traces } from './stage.js';
import { HAS_STRACE } from './strace.js';

const UPDATES = process.env['LM_GOLDEN'] === 'update';
const DEMANDED = UPDATES || process.env['LM_REQUIRE_ALL'] === '1' || process.env['CI'] === 'true';

/** Some alone, when somebody is at work on what they show: `LM_SCENARIOS=repeat,resume`. */
const WANTED = process.env['LM_SCENARIOS']?.split(',') ?? Object.keys(SCENARIOS);

/** Most of a scenario is waiting. */
const AT_ONCE = 4;

const pathOf = (file: string): string => fileURLToPath(new URL(`traces/${file}`, import.meta.url));

/** Owners are root's to set, and calls are strace's to tell. */
const lackingFor = (kind: Kind): string | undefined =>
  !IS_ROOT ? 'root' : kind === 'calls' && !HAS_STRACE ? 'strace' : undefined;

const recorded = new Map<string, Promise<Traces>>();

async function record(name: string): Promise<Traces> {
  const stage = new Stage();
  await SCENARIOS[name]!(stage);
  return stage.traces();
}

const again = new Map<string, Promise<Traces>>();

/** A line that a busy machine made slow gives shorter units: a scenario that differs is recorded once more, with nothing beside it. */
async function tracesOf(name: string): Promise<Traces> {
  const traces = await recorded.get(name)!;
  const isAsBefore = KINDS.every((kind) => traces[kind] === before(`${name}.${kind}`));
  if (UPDATES || isAsBefore) return traces;
  if (!again.has(name)) again.set(name, record(name));
  return again.get(name)!;
}

const before = (file: string): string => (existsSync(pathOf(file)) ? readFileSync(pathOf(file), 'utf8') : '');

beforeAll(async () => {
  if (!IS_ROOT) return;
  process.umask(0o022);
  const queue = new PQueue({ concurrency: AT_ONCE });
  for (const name of WANTED) {
    recorded.set(
      name,
      queue.add(() => record(name)),
    );
  }
  await Promise.allSettled(recorded.values()); // what went wrong is told by the tests
}, 600_000);

describe.each(WANTED)('%s: if that is meant, npm run test:golden:update', (name) => {
  for (const kind of KINDS) {
    const lacking = lackingFor(kind);
    const title = lacking === undefined ? kind : `${kind}, for want of ${lacking}`;
    const run = lacking === undefined || DEMANDED ? test : test.skip;
    run(title, async () => {
      if (lacking !== undefined) throw new Error(`cannot be recorded for want of ${lacking}`);
      compare(`${name}.${kind}`, (await tracesOf(name))[kind]);
    });
  }
});

test('no trace is left of what is no scenario any more', () => {
  const known = Object.keys(SCENARIOS).flatMap((name) => KINDS.map((kind) => `${name}.${kind}`));
  const others = readdirSync(pathOf('')).filter((file) => !known.includes(file));
  if (UPDATES) for (const file of others) rmSync(pathOf(file));
  else expect(others).toEqual([]);
});

/** A trace of nothing has no file. */
function compare(file: string, trace: string): void {
  const path = pathOf(file);
  if (UPDATES && trace !== '') writeFileSync(path, trace);
  if (UPDATES && trace === '') rmSync(path, { force: true });
  expect(trace).toBe(before(file));
}
