// A big file that is written to at the source while an earlier state of it is here: what faults in a delta begin with. Makes no fault.

import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { partNameOf } from '../../src/disk/disk.js';
import { isPartName } from '../../src/files/entry.js';
import { readJournal } from '../../src/state/journal/journal.js';
import { HAS_BTRFS, mountBtrfs } from '../support/btrfs.js';
import { type Agent, type Finished, jsonLines, startAgent } from '../support/lm.js';
import { type Sandbox, sandbox } from '../support/sandbox.js';
import { file, readTree, setMtime, writeTree } from '../support/tree.js';
import { roomyDirectory } from './form.js';

export const MIB = 2 ** 20;
export const PAGE = 8192;

/** What serves the new state: a reflink clone of the published file, its bytes, or what came of a torn read. */
export type Here = 'clone' | 'version' | 'basis';

/** A page of each of these blocks is another in the new state, and so much longer is the file. */
export const CHANGED_BLOCKS = [0, 5, 11];
const MORE = 'more!';

/** What has to be fetched when nothing goes wrong. */
export const DUE = CHANGED_BLOCKS.length * PAGE + MORE.length;

/** Where a page is changed: at the source by a write, or here by a bit that flips in another page. */
export const pageAt = (block: number): number => block * MIB + 5 * PAGE;

/** Old, so that a digest is needed for neither. */
const [THEN, NOW] = [1_700_000_000_000_000_000n, 1_700_000_100_000_000_000n];

export interface Delta extends Sandbox {
  from: string;
  to: string;
  /** Where its records are. */
  state: string;
  /** The path of the part. */
  part: string;
  /** What is published before: undefined when there is nothing. */
  older: Buffer | undefined;
  copy(options?: { url?: string; under?: string[] }): Promise<Finished>;
  /** Throws unless what has the file's own name is one of its two states, whole, and the journal is. */
  stands(): void;
  /** As an operator would go on: now all is there, exactly, and no more has come than `due` bytes. */
  goesOn(due?: number): Promise<void>;
}

export interface Deltas {
  url: string;
  begin(here: Here): Promise<Delta>;
  close(): Promise<void>;
}

/** One agent for all of a file's cases, each of which has a destination of its own. */
export async function startDeltas(): Promise<Deltas> {
  const host = mkdtempSync(join(roomyDirectory(1 << 29), 'lm-deltas-'));
  const from = join(host, 'data');
  mkdirSync(from);
  const agent: Agent = await startAgent([from], { cwd: host, env: { HOME: host, LM_STATE_DIR: join(host, 'state') } });
  const mounted = HAS_BTRFS ? mountBtrfs(host) : undefined;
  let cases = 0;
  return {
    url: agent.url,
    async begin(here) {
      const box = sandbox(roomyDirectory(1 << 29));
      const to = here === 'clone' ? join(mounted!.disk, `${cases++}`) : box.destination.path('data');
      mkdirSync(to);
      writeTree(from, { big: file({ size: 12 * MIB, mtimeNs: THEN }) });
      await bringEarlier(box, { url: agent.url, from, to }, here === 'basis');
      for (const block of CHANGED_BLOCKS) write(join(from, 'big'), 'a page', pageAt(block));
      write(join(from, 'big'), MORE, 12 * MIB);
      setMtime(join(from, 'big'), NOW);
      return delta(box, { url: agent.url, from, to });
    },
    async close() {
      agent.process.kill('SIGKILL');
      await agent.process.done;
      mounted?.unmount();
      rmSync(host, { recursive: true });
    },
  };
}

interface Places {
  url: string;
  from: string;
  to: string;
}

const NAMED = ['--instance', 'faults'];

/** Publishes the file, or has it change between its listing and its reading, so that what comes is a basis. */
async function bringEarlier({ destination, proxy }: Sandbox, { url, from, to }: Places, torn: boolean): Promise<void> {
  if (!torn) return expect(await destination.lm(['copy', url, to, ...NAMED])).toMatchObject({ code: 0 });
  let isWritten = false;
  const line = await proxy(url, {
    asked(request) {
      if (isWritten || !request.includes('"kind":"range"')) return;
      isWritten = true;
      write(join(from, 'big'), 'torn', 7 * MIB);
    },
  });
  const ended = await destination.lm(['copy', line.url, to, ...NAMED, '--max-iterations', '1', '--threshold', '0.9']);
  expect(ended).toMatchObject({ code: 3 });
  expect(readdirSync(to)).toEqual([partNameOf('big')]);
  await line.stop();
}

function delta(box: Sandbox, { url, from, to }: Places): Delta {
  const { destination } = box;
  const big = join(to, 'big');
  const older = existsSync(big) ? readFileSync(big) : undefined;
  const state = join(destination.stateDir, 'faults');
  const copy: Delta['copy'] = ({ url: at = url, under = [] } = {}) =>
    destination.lm(['copy', at, '--concurrency', '1', '--json'], { under });
  const part = join(to, partNameOf('big'));
  return {
    ...{ ...box, from, to, state, part, older, copy },
    stands() {
      if (existsSync(big)) {
        const found = readFileSync(big);
        if (!older?.equals(found)) expect(found.equals(readFileSync(join(from, 'big')))).toBe(true);
      } else expect({ older, part: existsSync(part) }).toEqual({ older: undefined, part: true });
      expect(readdirSync(to).filter((name) => !isPartName(name) && name !== 'big')).toEqual([]);
      expect(readJournal(state).damagedLines).toBe(0);
    },
    async goesOn(due = DUE) {
      const ended = await copy();
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      expect(receivedBy(ended)).toBeLessThanOrEqual(due);
      await expectSame(to, from);
    },
  };
}

/** No part is left either. */
export const expectSame = async (to: string, from: string): Promise<void> =>
  expect(await readTree(to)).toEqual(await readTree(from));

/** Bytes of files in all passes of a copy, what came twice included. */
export const receivedBy = ({ stdout }: Finished): number =>
  jsonLines(stdout)
    .at(-1)!
    ['report'].status.reduce((sum: number, pass: { bytesReceived: number }) => sum + pass.bytesReceived, 0);

function write(path: string, text: string, at: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, text, at);
  closeSync(fd);
}
