// Ids of tasks: UUIDs of version 1, as any reader of them takes them apart.

import { expect, test } from '@jest/globals';
import { taskId } from '../../src/tasks/task-id.js';

/** Milliseconds since 1970 of a UUID of version 1. */
function timeOf(id: string): number {
  const [low, middle, high] = id.split('-') as [string, string, string];
  const ticks = BigInt(`0x${high.slice(1)}${middle}${low}`);
  return Number(ticks / 10_000n - 12_219_292_800_000n);
}

test('holds its time, version and variant, and no address of this host', () => {
  for (const nowMs of [0, 1_731_000_000_123, Date.now()]) {
    const id = taskId(nowMs);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(timeOf(id)).toBe(nowMs);
    expect(Number.parseInt(id.slice(24, 26), 16) & 1).toBe(1); // the bit that no network card has
  }
});

test('no two are alike, in one millisecond either', () => {
  expect(new Set(Array.from({ length: 1_000 }, () => taskId(1_731_000_000_123))).size).toBe(1_000);
});
