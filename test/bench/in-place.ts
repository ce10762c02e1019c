// The row of a database that writes in place: copies are up to date, then some pages of a big file are written over and log files come and
// go, and each peer brings its copy up to date again.

import { createCipheriv, randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { settled } from '../support/settled.js';
import { random } from '../support/tree.js';
import type { Bench } from './bench.js';
import { checkCopy, clusterFiles, KIB, LOG_DIR, type Shape, segmentName, TABLE } from './data.js';
import { alternate, type Contender, type Times } from './measure.js';
import { missing, type Opened, type Peer, type Way } from './peers/peer.js';
import type { Row } from './rows.js';
import { fillIn, type Line } from './table.js';

export interface InPlace {
  name: string;
  work: string;
  /** The size of the table, and of each of the log's files. */
  tableBytes: number;
  segmentBytes: number;
  /** So many pages of the table are written over before each turn, anywhere in it, and so many of the log's files replaced by newer ones. */
  pages: number;
  segments: number;
  /** Each is measured by itself. Its name, for the table. */
  ways: [name: string, way: Way][];
  ours: Peer;
  peers: Peer[];
}

/** Of PostgreSQL. */
const PAGE_BYTES = 8 * KIB;

/** How many files the log has, old and new. */
const LOG_FILES = 8;

/** Two lines a peer and a way: the seconds of a turn, and the bytes that went over the line. */
export function inPlace(row: InPlace): Row {
  const lines = (way: string): { seconds: Line[]; bytes: Line[] } => {
    const line = (peer: Peer, work: string, unit: Line['unit']): Line => ({
      ...{ row: row.name, work, unit, ours: [], peer: peer.name, target: 1 },
      problem: missing(peer.needs),
    });
    return {
      seconds: row.peers.map((peer) => line(peer, `${row.work}, ${way}`, 'seconds')),
      bytes: row.peers.map((peer) => line(peer, `the same, ${way}: bytes over the line`, 'bytes')),
    };
  };
  const all = row.ways.map(([name, way]) => ({ way, ...lines(name) }));
  const shape = clusterFiles(row.tableBytes, { count: LOG_FILES, bytes: row.segmentBytes });
  return {
    name: row.name,
    lines: all.flatMap(({ seconds, bytes }) => [...seconds, ...bytes]),
    async measure(bench) {
      const measured: Line[] = [];
      for (const { way, seconds, bytes } of all) {
        const { times, passed } = await race(bench, row, shape, way);
        measured.push(...fillIn(seconds, row.ours.name, times), ...fillIn(bytes, row.ours.name, passed));
      }
      return measured;
    },
  };
}

/** `passed` has bytes where `times` has seconds. */
async function race(bench: Bench, row: InPlace, shape: Shape, way: Way) {
  const present = [row.ours, ...row.peers].filter((peer) => !missing(peer.needs));
  const source = await bench.source(shape);
  bench.needRoom(shape, present.length);
  const opened: Opened[] = [];
  const passed = new Map<string, number[]>();
  try {
    const contenders: Contender[] = [];
    for (const peer of present) {
      const side = await peer.open(bench, source, way);
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

function contender(bench: Bench, row: InPlace, { peer, side, source, passed }: Side): Contender {
  const destination = bench.path('copies', peer.name.replace(/\W+/g, '-'), 'data');
  let turns = 0;
  return {
    name: peer.name,
    writesBytes: row.tableBytes,
    async prepare() {
      await side.copy(destination); // what the others' turns have changed as well
      change(source, row, ++turns);
      await settled(source); // lm looks again at what has changed just now
    },
    async run() {
      const before = side.passedBytes!();
      const seconds = await side.copy(destination);
      passed.push(side.passedBytes!() - before);
      return seconds;
    },
    check: () => checkCopy(source, destination, peer.keeps, bench.signal),
  };
}

/** Which pages is the same for everybody's nth turn; what is written to them was never there before. */
function change(source: string, { tableBytes, segmentBytes, pages, segments }: InPlace, turn: number): void {
  const next = random(turn);
  const noise = createNoise();
  const fd = openSync(join(source, TABLE), 'r+');
  try {
    for (let i = 0; i < pages; i++)
      writeSync(fd, noise(PAGE_BYTES), 0, PAGE_BYTES, Math.floor((next() * tableBytes) / PAGE_BYTES) * PAGE_BYTES);
  } finally {
    closeSync(fd);
  }
  const names = readdirSync(join(source, LOG_DIR)).sort();
  const last = Number.parseInt(names.at(-1)!, 16);
  for (const name of names.slice(0, segments)) rmSync(join(source, LOG_DIR, name));
  for (let i = 1; i <= segments; i++) writeFileSync(join(source, LOG_DIR, segmentName(last + i)), noise(segmentBytes));
}

/** Bytes without a pattern. */
function createNoise(): (bytes: number) => Buffer {
  const cipher = createCipheriv('aes-128-ctr', randomBytes(16), Buffer.alloc(16));
  return (bytes) => cipher.update(Buffer.alloc(bytes));
}
