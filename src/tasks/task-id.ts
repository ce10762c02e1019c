// Makes the ids of tasks as the Sidecar does: UUIDs of version 1, which hold the time (RFC 9562, 5.1).

import { randomBytes } from 'node:crypto';

/** From 1582-10-15, where these clocks begin, to 1970. */
const EPOCH_MS = 12_219_292_800_000n;
const TICKS_PER_MS = 10_000n;

/** Random bits stand for the clock sequence and the node, which so is no address of this host. Two of one millisecond differ in them. */
export function taskId(nowMs: number = Date.now()): string {
  const ticks = ((BigInt(nowMs) + EPOCH_MS) * TICKS_PER_MS).toString(16).padStart(15, '0');
  const random = randomBytes(8);
  random[0] = (random[0]! & 0x3f) | 0x80; // the variant
  random[2]! |= 0x01; // of a node that is no address
  const rest = random.toString('hex');
  return [ticks.slice(7), ticks.slice(3, 7), `1${ticks.slice(0, 3)}`, rest.slice(0, 4), rest.slice(4)].join('-');
}
