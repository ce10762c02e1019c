// The row of a slow line: each peer copies a tree over it, is ended several times on the way, and run again until all of it is there.

import { dirname } from 'node:path';
import type { Bench } from './bench.js';
import { checkCopy, type Shape } from './data.js';
import { alternate, type Contender, type Times } from './measure.js';
import { missing, type Opened, type Peer } from './peers/peer.js';
import type { Row } from './rows.js';
import { fillIn, type Line } from './table.js';

export interface Interrupted {
  name: string;
  work: string;
  shape: Shape;
  bytesPerSecond: number;
  /** Each of so many runs is ended by SIGTERM so long after its start; the next one goes on with what it left. */
  interruptions: number;
  everyMs: number;
  ours: Peer;
  peers: Peer[];
}

/** Two lines a peer: the seconds of all runs together, and the bytes that went over the line. */
export function interrupted(row: Interrupted): Row {
  const line = (peer: Peer, work: string, unit: Line['unit']): Line => ({
    ...{ row: row.name, work, unit, ours: [], peer: peer.name },
    problem: missing(peer.needs),
  });
  const seconds = row.peers.map((peer) => line(peer, row.work, 'seconds'));
  const bytes = row.peers.map((peer) => line(peer, 'the same: bytes over the line', 'bytes'));
  return {
    name: row.name,
    lines: [...seconds, ...bytes],
    async measure(bench) {
      const { times, passed } = await race(bench, row);
      return [...fillIn(seconds, row.ours.name, times), ...fillIn(bytes, row.ours.name, passed)];
    },
  };
}

/** `passed` has bytes where `times` has seconds. */
async function race(bench: Bench, row: Interrupted) {
  const present = [row.ours, ...row.peers].filter((peer) => !missing(peer.needs));
  const source = await bench.source(row.shape);
  bench.needRoom(row.shape, 1);
  const opened: Opened[] = [];
  const passed = new Map<string, number[]>();
  try {
    const contenders: Contender[] = [];
    for (const peer of present) {
      const side = await peer.open(bench, source, { bytesPerSecond: row.bytesPerSecond });
      opened.push(side);
      const bytes: number[] = [];
      passed.set(peer.name, bytes);
      contenders.push(contender(bench, row, { peer, side, source, passed: bytes }));
    }
    const times = await alternate(contenders, bench);
    return { times, passed: counted(times, passed) };
  } finally {
    for (const side of opened) await side.stop();
    await bench.remove(dirname(bench.path('copies', 'any')));
  }
}

/** Of the turns that count: the first one warms up. */
const counted = (times: ReadonlyMap<string, Times>, passed: ReadonlyMap<string, number[]>): Map<string, Times> =>
  new Map([...times].map(([name, own]) => [name, { ...own, seconds: (passed.get(name) ?? []).slice(1) }]));

interface Side {
  peer: Peer;
  side: Opened;
  source: string;
  /** Gets the bytes of each turn. */
  passed: number[];
}

function contender(bench: Bench, row: Interrupted, { peer, side, source, passed }: Side): Contender {
  const destination = () => bench.path('copies', peer.name.replace(/\W+/g, '-'), 'data');
  return {
    name: peer.name,
    writesBytes: row.shape.bytes,
    async run() {
      const before = side.passedBytes!();
      let seconds = 0;
      for (let i = 0; i < row.interruptions; i++)
        seconds += await side.copy(destination(), { terminateAfterMs: row.everyMs });
      seconds += await side.copy(destination());
      passed.push(side.passedBytes!() - before);
      return seconds;
    },
    check: () => checkCopy(source, destination(), peer.keeps, bench.signal),
    tidy: () => bench.remove(dirname(destination())),
  };
}
