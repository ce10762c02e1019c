// Connections that are cut, stalled, damaged, and answers that no agent would give. A copy gets through by trying again, or ends
// with one line and a code that says whether to; what it leaves is right in either case.

import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Finished } from '../support/lm.js';
import { type Chance, inForm, LONG, SEED, tally } from './form.js';
import { type Answer, type Asked, type Deed, type Plot, startHostileProxy } from './hostile-proxy.js';
import { COPY, type World, world } from './world.js';

const P = '/api/v1/live-migration';
const FETCH = `POST ${P}/fetch`;

/** A proxy has an address of its own each time. */
const FROM_ANYWHERE = [...COPY, '--new-source'];

/** Copies through a network with a plot; looks at what it left. */
async function copyThrough(
  all: World,
  plot: Plot,
  moment: string,
  ...flags: string[]
): Promise<Finished & { done: string[] }> {
  const proxy = await startHostileProxy(all.url, plot);
  try {
    const ended = await all.destination.lm(['copy', proxy.url, all.to, ...FROM_ANYWHERE, ...flags]);
    if (ended.code === 0) all.witness.lookWhenDone(moment);
    else all.witness.look(moment);
    return { ...ended, done: proxy.done };
  } finally {
    await proxy.stop();
  }
}

/** At the least, of the trees here. */
const LISTING_BYTES = 30_000;

const lose = ({ draw, witness }: World): void => {
  for (let i = 0; i < 6; i++) witness.lose(`still/d${draw.below(12)}`);
  for (let i = 0; i < 3; i++) witness.lose(`still/big${draw.below(3)}`);
};

/** Without proofs everything has to be asked for again. */
function loseProofs({ destination: { stateDir } }: World): void {
  for (const instance of existsSync(stateDir) ? readdirSync(stateDir) : [])
    for (const name of ['ledger.jsonl', 'ledger.new.jsonl']) rmSync(join(stateDir, instance, name), { force: true });
}

/** One line for people, hints and details beside it. */
const messages = ({ stderr }: Finished): string[] => stderr.split('\n').filter((line) => /^lm copy: /.test(line));

describe('connections are cut', () => {
  const CUTS = inForm(200, 10);

  test('anywhere in an answer, as often as it takes', async () => {
    const all = await world('cuts');
    all.living.start(5);
    for (let round = 0, cuts = 0; cuts < CUTS; round++) {
      lose(all);
      const where: string[] = [];
      const ended = await copyThrough(all, { during: (answer) => cutSome(answer, all.draw, where) }, `cuts ${round}`);
      if (![0, 3, 5].includes(ended.code!))
        throw new Error(`round ${round}: ended ${ended.code}, LM_SEED=${SEED}\n${ended.stderr}`);
      cuts += ended.done.length;
      for (const [i] of ended.done.entries()) tally('cuts', where[i]!);
    }
    await all.concludes();
  }, 900_000);

  function cutSome(answer: Answer, draw: Chance, where: string[]): Deed | undefined {
    const { request, headBytes, bodyBytes = LISTING_BYTES } = answer;
    if (draw.next() > (request === FETCH ? 0.45 : 0.1)) return undefined;
    const place = draw.pick(['head', 'body', 'trailer'] as const);
    where.push(`in the ${place} of ${request === FETCH ? 'a unit' : 'another answer'}`);
    const at = {
      head: 1 + draw.below(headBytes - 1),
      body: headBytes + draw.below(bodyBytes),
      trailer: headBytes + bodyBytes - 1 - draw.below(Math.min(9, bodyBytes)),
    };
    return { do: 'cut', at: at[place] };
  }
});

describe('a bit is flipped', () => {
  /** At the most, of a body that does not tell its length; and what must be said for there to be such an answer. */
  const ANSWERS: Record<string, { request: string; bodyBytes?: number; flags?: string[] }> = {
    'a unit': { request: FETCH },
    'a listing': { request: `GET ${P}/files`, bodyBytes: LISTING_BYTES },
    'a status': { request: `GET ${P}/status` },
    digests: { request: `POST ${P}/digests`, bodyBytes: 10_000, flags: ['--diff', 'checksum'] },
    'a report on open files': { request: `GET ${P}/open-files`, bodyBytes: 80, flags: ['--threshold', '1.0'] },
  };

  test.each(Object.entries(ANSWERS))(
    'in %s, and nothing that is right is removed',
    async (name, answer) => {
      const { request, flags = [] } = answer;
      const all = await world(`flips in ${name}`);
      let flips = 0;
      for (let round = 0; flips < inForm(40, 3); round++) {
        if (round > inForm(40, 3) * 3) throw new Error('hardly any bit was there to be flipped');
        lose(all);
        loseProofs(all);
        let once = false;
        const during = (said: Answer): Deed | undefined => {
          if (once || said.request !== request) return undefined;
          once = true;
          const { headBytes, bodyBytes = answer.bodyBytes! } = said;
          const at = all.draw.next() < 0.2 ? all.draw.below(headBytes) : headBytes + all.draw.below(bodyBytes);
          return { do: 'flip', at, bit: all.draw.below(8) };
        };
        // Nothing is foreign here: what a copy would remove is there by right.
        const ended = await copyThrough(all, { during }, `flip ${round} in ${name}`, '--max-delete', '0', ...flags);
        if (![0, 3, 5, 7].includes(ended.code!))
          throw new Error(`round ${round}: ended ${ended.code}, LM_SEED=${SEED}\n${ended.stderr}`);
        if (ended.code! > 3) expect(messages(ended)).toHaveLength(1);
        flips += ended.done.length;
        for (const _ of ended.done) tally('other faults', `bit flipped in ${name}`);
      }
      await all.concludes();
    },
    600_000,
  );

  /** Beyond the head, whose damage may make it another program's. */
  test.each(['a listing', 'digests', 'a report on open files'])(
    'in the body of %s: that is asked for again',
    async (name) => {
      const { request, bodyBytes, flags = [] } = ANSWERS[name]!;
      const all = await world(`flips in the body of ${name}`);
      let hits = 0;
      for (let round = 0; hits < inForm(40, 3); round++) {
        if (round > inForm(40, 3) * 3) throw new Error('hardly any bit was there to be flipped');
        lose(all);
        loseProofs(all);
        let asked = 0;
        const during = (said: Answer): Deed | undefined =>
          said.request === request && asked++ === 0
            ? { do: 'flip', at: said.headBytes + all.draw.below(bodyBytes!), bit: all.draw.below(8) }
            : undefined;
        const ended = await copyThrough(all, { during }, `flip ${round}`, '--max-delete', '0', ...flags);
        expect(ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining('lm copy: ') });
        if (ended.done.length > 0) expect(ended.stdout + ended.stderr).toMatch(/retry/);
        hits += ended.done.length;
        for (const _ of ended.done) tally('other faults', `bit flipped in ${name}`);
      }
      await all.concludes();
    },
    600_000,
  );
});

test('answers are held up, in the middle of whatever they are saying', async () => {
  const all = await world('delays');
  for (let round = 0; round < inForm(10, 2); round++) {
    lose(all);
    const during = ({ headBytes, bodyBytes = LISTING_BYTES }: Answer): Deed | undefined =>
      all.draw.next() < 0.3
        ? { do: 'hold', at: all.draw.below(headBytes + bodyBytes), until: () => sleep(100 + all.draw.below(1_000)) }
        : undefined;
    const ended = await copyThrough(all, { during }, `delays ${round}`);
    expect(ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining('lm copy: ') });
    for (const _ of ended.done) tally('other faults', 'held up for up to 1.1 s');
  }
  await all.concludes();
}, 300_000);

describe('answers no agent gives', () => {
  const answer = (status: string, headers: string[], body = ''): string =>
    `HTTP/1.1 ${status}\r\n${[...headers, ''].map((line) => `${line}\r\n`).join('')}${body}`;
  const FRAMES = 'Content-Type: application/x-lm-frames';

  const ALIEN = {
    chunked: answer('200 OK', [FRAMES, 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
    'HTTP/2': '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff',
    'a page': answer('200 OK', ['Content-Type: text/html', 'Content-Length: 13'], '<html></html>'),
    'too short a length': answer('200 OK', [FRAMES, 'Content-Length: 5'], 'hello'),
    'two lengths': answer('200 OK', [FRAMES, 'Content-Length: 5', 'Content-Length: 6'], 'hello'),
    'no length': answer('200 OK', [FRAMES], 'hello'),
    'a redirect': answer('302 Found', ['Location: http://127.0.0.1:1/', 'Content-Length: 0']),
    'another protocol': 'SSH-2.0-OpenSSH_9.2\r\n',
  };

  test('a unit is answered with something else: 7', async () => {
    const all = await world('answers');
    for (const [name, text] of Object.entries(ALIEN)) {
      const instead = ({ request }: Asked): Deed | undefined => (request === FETCH ? { do: 'say', text } : undefined);
      const ended = await copyThrough(all, { instead }, name);
      expect({ name, code: ended.code, messages: messages(ended) }).toEqual({
        name,
        code: 7,
        messages: [expect.anything()],
      });
      tally('other faults', 'alien answer');
    }
    await all.concludes();
  });

  test('a storm of 503 is waited out', async () => {
    const all = await world('storm');
    const busy = answer('503 Service Unavailable', ['Retry-After: 1', 'Content-Length: 0']);
    let left = 5;
    const instead = (): Deed | undefined => (left-- > 0 ? { do: 'say', text: busy } : undefined);
    expect(await copyThrough(all, { instead }, '503')).toMatchObject({ code: 0 });
    tally('other faults', 'storm of 503');
    await all.concludes();
  });

  test('errors that stay are told as the answers they are: 5', async () => {
    const all = await world('errors');
    const broken = answer('500 Internal Server Error', ['Content-Length: 0']);
    const instead = ({ request }: Asked): Deed | undefined =>
      request === FETCH ? { do: 'say', text: broken } : undefined;
    const ended = await copyThrough(all, { instead }, '500');
    expect(ended).toMatchObject({ code: 5, stderr: expect.stringContaining('HTTP 500') });
    expect(ended.stderr).not.toContain('cannot be reached');
    tally('other faults', '500 for ever');
  });
});

describe('somebody else is there', () => {
  const PAGE = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>';
  const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>';

  async function somebody(text: string, port = 0): Promise<{ url: string; stop(): void }> {
    const server = createServer((socket) => {
      socket.on('error', () => {}).on('data', () => socket.write(text, 'latin1'));
      if (text.startsWith('SSH')) socket.write(text);
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => server.close() };
  }

  test('from the beginning: 7', async () => {
    const all = await world('somebody');
    for (const text of [PAGE, NOT_FOUND, 'SSH-2.0-OpenSSH_9.2\r\n']) {
      const other = await somebody(text);
      const ended = await all.destination.lm(['copy', other.url, all.to, ...FROM_ANYWHERE]);
      other.stop();
      expect({ text, code: ended.code, messages: messages(ended) }).toEqual({
        text,
        code: 7,
        messages: [expect.anything()],
      });
      all.witness.look(text);
      tally('other faults', 'another program');
    }
  });

  test('in the middle, on the port of an agent that died: 7', async () => {
    const all = await world('somebody later');
    const copy = all.destination.start([
      'copy',
      all.url,
      all.to,
      ...FROM_ANYWHERE,
      '--json',
      '--limit-rate',
      '30MiB/s',
    ]);
    await copy.says(/"DOWNLOADING"/);
    all.agent().process.kill('SIGKILL');
    await all.agent().process.done;
    const other = await somebody(NOT_FOUND, Number(new URL(all.url).port));
    const ended = await copy.done;
    other.stop();
    expect(ended).toMatchObject({ code: 7 });
    expect(messages(ended)).toHaveLength(1);
    all.witness.look('another program on the port');
    tally('other faults', 'another program');
    await all.restartAgent(0);
    await all.concludes();
  });
});

const longOnly = LONG ? test : test.skip;

longOnly(
  'an answer that stops coming is given up after half a minute, and asked for again',
  async () => {
    const all = await world('stalls');
    let stalls = 2;
    const during = ({ request, headBytes, bodyBytes = 1 }: Answer): Deed | undefined =>
      request === FETCH && stalls-- > 0 ? { do: 'stall', at: headBytes + all.draw.below(bodyBytes) } : undefined;
    expect(await copyThrough(all, { during }, 'stalls')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('files stalled: nothing came for 30 s'),
    });
    tally('other faults', 'stalled for 30 s');
    await all.concludes();
  },
  300_000,
);
