// A process that dies at each system call of a merge or a writer in turn, on paper: from that call on none has an effect, and a write leaves
// half of its bytes. `kills.test.ts` runs it, and reads the report that it prints. It is a process of its own, because only there the
// functions of `node:fs` can be replaced for the modules that import them by name.

import fs, { copyFileSync, cpSync, existsSync, mkdirSync, readlinkSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { mergeLedger } from '../../../src/state/ledger/merge.js';
import { openLedgerWriter } from '../../../src/state/ledger/writer.js';
import { claimOf, type Deed, ID, instanceDir, perform, proof, readAll } from './world.js';

const KEYS = [
  ['data/0', 'a'],
  ['data/0/t', 'b'],
  ['data/0/t', 'c'],
] as const;
const BLOCKS = [claimOf('data/0/t', [{ name: 'b', state: 1 }])];
const OLD: Deed[] = KEYS.map(([dir, name]) => ({ type: 'add', dir, name, proof: proof('direct') }));
const NEW: Deed[] = [
  { type: 'drop', dir: 'data/0', name: 'a' },
  { type: 'add', dir: 'data/0/t', name: 'c', proof: proof('received', { state: 2, contents: 2 }) },
  { type: 'claim', block: BLOCKS[0]! },
];

/** The calls that change a disk, and those that make a change last. */
const CALLS = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'fdatasyncSync',
  'ftruncateSync',
  'renameSync',
  'unlinkSync',
] as const;

let left = Number.POSITIVE_INFINITY;
let log: string[] = [];

class Killed extends Error {}

const nameOf = (target: unknown): string =>
  basename(typeof target === 'number' ? readlinkSync(`/proc/self/fd/${target}`) : String(target)).replace(
    /\.[0-9a-f-]{36}/,
    '',
  );

for (const name of CALLS) {
  const real = fs[name] as (...args: unknown[]) => unknown;
  const replaced = (...args: unknown[]): unknown => {
    if (name === 'openSync' && args[1] === 'r') return real(...args); // changes nothing
    log.push(`${name} ${nameOf(args[0])}`);
    left--;
    if (left < 0) throw new Killed();
    if (left > 0) return real(...args);
    if (name === 'writeSync') real(args[0], args[1], args[2], (args[3] as number) >> 1, args[4]);
    throw new Killed();
  };
  Object.assign(fs, { [name]: replaced });
}
syncBuiltinESMExports();

/** What `act` did up to its `calls`th call; true when it came to its end. */
async function upTo(calls: number, act: () => unknown): Promise<boolean> {
  left = calls;
  log = [];
  try {
    await act();
    return true;
  } catch (error) {
    if (error instanceof Killed || (error as Error).cause instanceof Killed) return false;
    throw error;
  } finally {
    left = Number.POSITIVE_INFINITY;
  }
}

function write(dir: string, deeds: readonly Deed[], done = (_: number): void => {}): void {
  const writer = openLedgerWriter(dir, ID);
  for (const [i, deed] of deeds.entries()) {
    perform(writer, deed);
    writer.sync();
    done(i + 1);
  }
  writer.close();
}

const said = (dir: string): string => JSON.stringify(readAll(dir, KEYS, BLOCKS));

/** The ledger after the first of the new deeds, one more each time. */
async function states(from: string): Promise<string[]> {
  const found: string[] = [];
  for (let count = 0; count <= NEW.length; count++) {
    const { dir, spool } = instanceDir();
    copyFileSync(join(from, 'ledger.jsonl'), join(dir, 'ledger.jsonl'));
    write(dir, NEW.slice(0, count));
    await mergeLedger(dir, spool, ID);
    found.push(said(dir));
    rmSync(dir, { recursive: true });
  }
  return found;
}

const { dir: base, spool } = instanceDir();
write(base, OLD);
await mergeLedger(base, spool, ID);
const expected = await states(base);
const [before, after] = [expected[0]!, expected.at(-1)!];

async function eachCall(
  prepare: (dir: string) => void,
  act: (dir: string) => unknown,
  judge: (dir: string) => unknown,
) {
  const results: unknown[] = [];
  for (let calls = 1; ; calls++) {
    const { dir } = instanceDir();
    cpSync(base, dir, { recursive: true });
    mkdirSync(join(dir, 'spool'), { recursive: true });
    prepare(dir);
    const ended = await upTo(calls, () => act(dir));
    const trace = [...log];
    if (!ended) results.push(await judge(dir));
    rmSync(dir, { recursive: true });
    if (ended) return { results, trace };
  }
}

const merges = await eachCall(
  (dir) => write(dir, NEW),
  (dir) => mergeLedger(dir, join(dir, 'spool'), ID),
  async (dir) => {
    const [delta, aside] = [join(dir, 'ledger.new.jsonl'), join(dir, 'aside')];
    const isDelta = existsSync(delta);
    if (isDelta) fs.renameSync(delta, aside); // as it is, nothing counts until it is merged
    const found = said(dir);
    if (isDelta) fs.renameSync(aside, delta);
    await mergeLedger(dir, join(dir, 'spool'), ID);
    const leftovers = fs.readdirSync(dir).filter((name) => !['ledger.jsonl', 'spool'].includes(name));
    return {
      is: found === before ? 'old' : found === after ? 'new' : found,
      isDelta,
      again: said(dir) === after,
      leftovers,
    };
  },
);

let synced = 0;
const writes = await eachCall(
  () => {},
  (dir) => {
    synced = 0;
    write(dir, NEW, (count) => {
      synced = count;
    });
  },
  async (dir) => {
    const atLeast = synced;
    const notes: string[] = [];
    openLedgerWriter(dir, ID, (note) => notes.push(note)).close();
    await mergeLedger(dir, join(dir, 'spool'), ID, (note) => notes.push(note));
    return { atLeast, has: expected.indexOf(said(dir)), notes };
  },
);

rmSync(base, { recursive: true });
process.stdout.write(JSON.stringify({ merges, writes }));
