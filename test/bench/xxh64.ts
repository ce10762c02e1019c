// XXH64 by the kernel of lm and by hash-wasm, in turns, as both ends of a copy use it: processor seconds of this thread, medians.
//
//   node --import ./test/bench/typescript.js test/bench/xxh64.ts [ROUNDS]

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createXXHash64 } from 'hash-wasm';
import { createXxh64, type Xxh64 } from '../../src/digest/kernels/xxh64.js';
import { GIB, KIB, MIB } from './data.js';
import { median } from './measure.js';

const rounds = Number(process.argv[2] ?? 9);

/** As the program would use it: what is read into `buffer` is copied into memory of hash-wasm's, 16 KiB at a time. */
async function fromHashWasm(bufferBytes: number): Promise<Xxh64> {
  const hasher = await createXXHash64();
  const reset = (): void => void hasher.init();
  const digest = (): Uint8Array => {
    const bytes = hasher.digest('binary').reverse();
    reset();
    return bytes;
  };
  return { buffer: Buffer.allocUnsafeSlow(bufferBytes), update: (bytes) => void hasher.update(bytes), digest, reset };
}

const READ_BYTES = 256 * KIB;

/** A GiB of a file in memory, read and hashed as `readAhead` does it. */
function readAndHash(hasher: Xxh64, fd: number): void {
  const buffer = hasher.buffer.subarray(0, READ_BYTES);
  for (let at = 0; at < GIB; at += READ_BYTES) {
    readSync(fd, buffer, 0, READ_BYTES, at % FILE_BYTES);
    hasher.update(buffer);
    if ((at + READ_BYTES) % MIB === 0) hasher.digest();
  }
}

/** A GiB of messages that lie in the hasher's own buffer, as a receiver has blocks and small files. */
function hashBlocks(hasher: Xxh64, bytes: number): void {
  const block = hasher.buffer.subarray(0, bytes);
  for (let at = 0; at < GIB; at += bytes) {
    hasher.update(block);
    hasher.digest();
  }
}

const FILE_BYTES = 64 * MIB;

function seconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const dir = mkdtempSync('/dev/shm/lm-xxh64-');
const path = join(dir, 'file');
writeFileSync(path, Buffer.alloc(FILE_BYTES, 'bytes'));
const fd = openSync(path, 'r');
try {
  const hashers = { 'kernel of lm': createXxh64(MIB), 'hash-wasm': await fromHashWasm(MIB) };
  const works: Record<string, (hasher: Xxh64) => void> = {
    'a file, read 256 KiB at a time, digests of 1 MiB': (hasher) => readAndHash(hasher, fd),
    'memory, digests of 1 MiB': (hasher) => hashBlocks(hasher, MIB),
    'memory, digests of 2 KiB': (hasher) => hashBlocks(hasher, 2 * KIB),
  };
  say(`Node ${process.version}, ${rounds} rounds, processor seconds a GiB`);
  for (const [name, work] of Object.entries(works)) {
    const turns = new Map(Object.entries(hashers).map(([whose, hasher]) => [whose, { hasher, taken: [] as number[] }]));
    for (let round = -1; round < rounds; round++)
      for (const { hasher, taken } of round % 2 === 0 ? turns.values() : [...turns.values()].reverse()) {
        const took = seconds(() => work(hasher));
        if (round >= 0) taken.push(took);
      }
    const medians = [...turns].map(([whose, { taken }]) => `${whose} ${median(taken).toFixed(3)}`);
    say(`${name}: ${medians.join(', ')}`);
  }
} finally {
  closeSync(fd);
  rmSync(dir, { recursive: true });
}
