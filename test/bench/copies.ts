// Rows that copy a tree: each peer serves it and copies it, in turns. Knows no peer by name.

import { dirname } from 'node:path';
import type { Bench } from './bench.js';
import { checkCopy, type Shape } from './data.js';
import type { Distance } from './far-proxy.js';
import { alternate, type Contender } from './measure.js';
import { missing, type Opened, type Peer } from './peers/peer.js';
import type { Row } from './rows.js';
import { fillIn, type Line } from './table.js';

export interface Copies {
  name: string;
  work: string;
  shape: Shape;
  ours: Peer;
  peers: { peer: Peer; target?: number }[];
  /** Time a second copy that finds nothing to do, instead of the first. */
  isRepeat?: boolean;
  distance?: Distance;
}

export function copies(row: Copies): Row {
  const lines = row.peers.map(
    ({ peer, target }): Line => ({
      row: row.name,
      work: row.work,
      unit: 'seconds',
      ours: [],
      peer: peer.name,
      target,
      problem: missing(peer.needs),
    }),
  );
  return { name: row.name, lines, measure: async (bench) => fillIn(lines, row.ours.name, await race(bench, row)) };
}

async function race(bench: Bench, row: Copies) {
  const present = [row.ours, ...row.peers.map(({ peer }) => peer)].filter((peer) => !missing(peer.needs));
  const source = await bench.source(row.shape);
  bench.needRoom(row.shape, row.isRepeat ? present.length : 1);
  const opened: Opened[] = [];
  try {
    const contenders: Contender[] = [];
    for (const peer of present) {
      const side = await peer.open(bench, source, row.distance);
      opened.push(side);
      contenders.push(
        contender({ bench, peer, side, source, isRepeat: row.isRepeat ?? false, bytes: row.shape.bytes }),
      );
    }
    return await alternate(contenders, bench);
  } finally {
    for (const side of opened) await side.stop();
    await bench.remove(dirname(bench.path('copies', 'any')));
  }
}

interface Side {
  bench: Bench;
  peer: Peer;
  side: Opened;
  source: string;
  isRepeat: boolean;
  /** Of a whole copy. */
  bytes: number;
}

function contender({ bench, peer, side, source, isRepeat, bytes }: Side): Contender {
  const destination = () => bench.path('copies', peer.name.replace(/\W+/g, '-'), 'data');
  let isThere = false;
  return {
    name: peer.name,
    writesBytes: isRepeat ? 0 : bytes,
    async prepare() {
      if (!isRepeat || isThere) return;
      await side.copy(destination());
      isThere = true;
    },
    run: () => side.copy(destination()),
    check: () => checkCopy(source, destination(), peer.keeps, bench.signal),
    async tidy() {
      if (!isRepeat) await bench.remove(dirname(destination()));
    },
  };
}
