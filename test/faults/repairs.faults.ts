// `lm verify --repair`, killed at any of its system calls, or with one that fails: what stands under its own name is the source's, or is as
// wrong as before, to the byte; and the next copy and repair do the rest.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { partNameOf } from '../../src/disk/disk.js';
import { readJournal } from '../../src/state/journal/journal.js';
import { flipBit } from '../support/flip-bit.js';
import { type Agent, type Finished, jsonLines, startAgent } from '../support/lm.js';
import { type Sandbox, sandbox } from '../support/sandbox.js';
import { file, readTree, writeTree } from '../support/tree.js';
import { CAN_INJECT, chance, describeIf, HAS_STRACE, IS_ROOT, inForm, LONG, roomyDirectory, tally } from './form.js';
import { inAnyDirectory, injected, onAnyDescriptor, sabotaged } from './strace.js';

const MIB = 1024 * 1024;
const TREE = { small: file({ content: 'small', mode: 0o440 }), big: file({ size: 9 * MIB }), same: 'same' };

/** Where bits are flipped: two blocks of the big file have to come. */
const FLIPPED: [name: string, offset: number][] = [
  ['small', 2],
  ['big', 17],
  ['big', 8 * MIB + 5],
];

/** One source for all: its files are then old enough for their times to prove something. */
let host: string;
let from: string;
let agent: Agent;

beforeAll(async () => {
  host = mkdtempSync(join(roomyDirectory(1 << 28), 'lm-repairs-'));
  from = join(host, 'data');
  writeTree(from, TREE);
  agent = await startAgent([from], { cwd: host, env: { HOME: host, LM_STATE_DIR: join(host, 'state') } });
});

afterAll(async () => {
  agent.process.kill('SIGKILL');
  await agent.process.done;
  rmSync(host, { recursive: true });
});

interface Copied extends Sandbox {
  to: string;
  /** Makes the files wrong, with sizes and times as before; `stands` then knows them. */
  spoil(): void;
  /** Throws unless every file is right, or as wrong as before, or a part. Returns how many are right. */
  stands(): number;
  repair(under?: string[], args?: string[]): Promise<Finished>;
  /** As an operator would go on after it: now all is right. */
  mend(): Promise<void>;
}

async function copied(): Promise<Copied> {
  const box = sandbox(roomyDirectory(1 << 28));
  const { destination } = box;
  const to = destination.path('data');
  expect(await destination.lm(['copy', agent.url, to, '--instance', 'faults'])).toMatchObject({ code: 0 });
  const right = new Map(Object.keys(TREE).map((name) => [name, readFileSync(join(from, name))]));
  let wrong = new Map<string, Buffer>();
  const repair: Copied['repair'] = (under = [], args = []) =>
    destination.lm(['verify', ...args, '--repair'], { under });
  return {
    ...{ ...box, to, repair },
    spoil() {
      for (const [name, offset] of FLIPPED) flipBit(join(to, name), offset);
      wrong = new Map(FLIPPED.map(([name]) => [name, readFileSync(join(to, name))]));
    },
    stands() {
      let whole = 0;
      for (const [name, bytes] of right) {
        const path = join(to, name);
        if (!existsSync(path)) {
          expect({ name, part: existsSync(join(to, partNameOf(name))) }).toEqual({ name, part: true });
          continue;
        }
        const found = readFileSync(path);
        if (found.equals(bytes)) whole++;
        else expect({ name, asBefore: wrong.get(name)?.equals(found) }).toEqual({ name, asBefore: true });
      }
      expect(readJournal(join(destination.stateDir, 'faults')).damagedLines).toBe(0);
      return whole;
    },
    async mend() {
      expect(await destination.lm(['copy'])).toMatchObject({ code: 0 }); // goes on with parts; what is wrong it cannot see
      expect(await repair()).toMatchObject({ code: 0 });
      expect(await readTree(to)).toEqual(await readTree(from));
    },
  };
}

/** At the entry of the Nth of these, in any one thread, it is killed. */
const KILLS = ['rename', 'chmod,fchmod', 'pwrite64', 'utimensat', 'fdatasync', 'close'] as const;

/** In the long form at each that there is. */
const TRIES = inForm(400, 1);

describeIf(HAS_STRACE, 'killed in a repair', 'strace', () => {
  test.each(KILLS)('at %s', async (calls) => {
    const all = await copied();
    const draw = chance(`repairs ${calls}`);
    const most = { 'chmod,fchmod': 3, pwrite64: 6, utimensat: 4, close: 60, rename: 8, fdatasync: 10 }[calls];
    for (let tries = 0; tries < TRIES; tries++) {
      all.spoil();
      const when = LONG ? tries + 1 : 1 + draw.below(most);
      const log = all.destination.path('strace.log');
      const { signal, code, stderr } = await all.repair(sabotaged({ calls, what: 'SIGKILL', when: `${when}`, log }));
      const moment = `killed at ${calls} number ${when}`;
      if (signal !== 'SIGKILL') {
        expect({ moment, code, stderr }).toMatchObject({ moment, code: 0 }); // it makes fewer of these calls
        if (LONG) break;
      } else tally('kills', `repair at ${calls}`);
      all.stands();
      await all.mend();
    }
  });
});

/** Of two paths strace looks at the first. */
const part = (name: string): string[] => inAnyDirectory(partNameOf(name));

interface Failing {
  doing: string;
  calls: string;
  on?: (all: Copied) => string[];
  when?: string;
  /** What the message names. */
  names: RegExp;
  rootOnly?: true;
  /** Much like another one. */
  longOnly?: true;
}

const ERRORS: Failing[] = [
  {
    ...{ doing: 'allowing a small file to be written', calls: 'chmod', on: onAnyDescriptor, names: /data\/small/ },
    longOnly: true,
  },
  {
    doing: 'taking its name from a small file',
    calls: 'rename',
    on: () => inAnyDirectory('small'),
    names: /data\/small/,
  },
  {
    ...{
      doing: 'taking its name from a big file',
      calls: 'rename',
      on: () => inAnyDirectory('big'),
      names: /data\/big/,
    },
    longOnly: true,
  },
  { doing: 'giving a big file its name again', calls: 'rename', on: () => part('big'), names: /data\/big/ },
  {
    ...{
      doing: 'giving it its name again once',
      calls: 'rename',
      on: () => part('big'),
      when: '1',
      names: /data\/big/,
    },
    longOnly: true,
  },
  { doing: 'closing a big file', calls: 'close', on: ({ to }) => [join(to, partNameOf('big'))], names: /data\/big/ },
  {
    doing: 'writing a small file',
    calls: 'pwrite64',
    on: ({ to }) => [join(to, partNameOf('small'))],
    names: /data\/small/,
  },
  { doing: 'opening a big file', calls: 'openat', on: () => part('big'), names: /data\/big/ },
  {
    doing: 'writing a big file',
    calls: 'pwrite64',
    on: ({ to }) => [join(to, partNameOf('big')), ...part('big')],
    names: /data\/big/,
  },
  { doing: 'giving it its mode', calls: 'fchmod', on: ({ to }) => [join(to, partNameOf('big'))], names: /data\/big/ },
  {
    doing: 'giving it its owner',
    calls: 'fchown',
    on: ({ to }) => [join(to, partNameOf('big'))],
    names: /data\/big/,
    rootOnly: true,
  },
  {
    doing: 'giving it its time',
    calls: 'utimensat',
    on: ({ to }) => [join(to, partNameOf('big'))],
    names: /data\/big/,
  },
  { doing: 'syncing', calls: 'syncfs', on: ({ to }) => [to], names: /2 files had been repaired.*data/s },
  {
    doing: 'writing the journal',
    calls: 'write',
    on: ({ destination }) => [join(destination.stateDir, 'faults', 'journal.jsonl')],
    names: /journal\.jsonl/,
  },
];

describeIf(CAN_INJECT, 'a system call fails in a repair', 'strace and a process namespace', () => {
  test.each(ERRORS.filter(({ rootOnly, longOnly }) => (IS_ROOT || !rootOnly) && (LONG || !longOnly)))(
    '$doing ($calls)',
    async (one) => {
      const all = await copied();
      for (const error of LONG
        ? ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS']
        : [chance(one.doing).pick(['ENOSPC', 'EIO', 'EDQUOT'])]) {
        all.spoil();
        const log = all.destination.path('strace.log');
        const paths = one.on?.(all);
        const under = sabotaged({
          calls: one.calls,
          what: error,
          when: one.when ?? '1+',
          ...(paths && { paths }),
          log,
        });
        const { code, stderr } = await all.repair(under);
        for (const call of injected(log)) tally('injected errors', call);
        expect({ error, code, stderr, injected: injected(log).length > 0 }).toMatchObject({
          ...{ error, code: 8, injected: true },
          stderr: expect.stringMatching(one.names),
        });
        all.stands();
        expect(readdirSync(all.to)).toContain('same');
        await all.mend();
      }
    },
  );
});

describe('a bit is flipped on the line, while bits that were flipped here are repaired', () => {
  const PAGE = 8192;
  /** Two pages of the big file, and the small one. */
  const DUE = 2 * PAGE + TREE.small.content!.length;

  const receivedBy = ({ stdout }: Finished): number => jsonLines(stdout).at(-1)!['report'].repairs.bytesReceived;

  test('where none is, the pages come in which bits were flipped here, and nothing else', async () => {
    const all = await copied();
    all.spoil();
    const ended = await all.repair([], ['--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(receivedBy(ended)).toBe(DUE);
    expect(await readTree(all.to)).toEqual(await readTree(from));
    tally('other faults', 'bits flipped and repaired');
  });

  test.each(['a hash of a page', 'the table of pages', 'a page'])('%s', async (what) => {
    const draw = chance(`repairs ${what}`);
    for (let round = 0; round < inForm(30, 1); round++) {
      const all = await copied();
      all.spoil();
      let isPages = false;
      let isDone = false;
      const line = await all.proxy(agent.url, {
        asked(request) {
          isPages = request.includes('"kind":"pages"');
          if (!isPages || isDone || what !== 'a hash of a page') return;
          isDone = true;
          request[request.length - 1 - draw.below(2 * 512)]! ^= 1 << draw.below(8);
        },
        heard(answer) {
          const body = answer.indexOf('\r\n\r\n') + 4;
          if (!isPages || isDone || body < 4 || answer.length - body < 2 * PAGE) return;
          isDone = true;
          const at = what === 'a page' ? answer.length - 1 - draw.below(2 * PAGE) : body + 5 + draw.below(67);
          answer[at]! ^= 1 << draw.below(8);
        },
      });
      const ended = await all.repair([], [line.url, '--json']);
      expect({ isDone, ...ended }).toMatchObject({ isDone: true, code: 0, stderr: '' });
      expect(receivedBy(ended)).toBe(what === 'a page' ? DUE + PAGE : DUE);
      expect(await readTree(all.to)).toEqual(await readTree(from));
      tally('other faults', `bit flipped in ${what} of a repair`);
    }
  });
});
