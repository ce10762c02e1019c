import { afterEach, expect, test } from '@jest/globals';
import { createPool, type Pool } from '../../src/files/threads.js';

const SCRIPT = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from 'node:worker_threads';
    parentPort.on('message', ({ id, job }) => {
      if (job === 'crash') throw new Error('crashed');
      setTimeout(() => parentPort.postMessage({ id, value: threadId }), job);
    });`)}`,
);

let pool: Pool<number | 'crash', number> | undefined;
afterEach(() => pool?.close());

test('a thread that crashes takes no other one out of the pool', async () => {
  pool = createPool(SCRIPT, 2);
  const healthy = pool.run(200);
  const crashing = pool.run('crash');
  await expect(crashing).rejects.toThrow('crashed');
  const thread = await healthy; // by now the crashed one has said that it has gone, too
  expect(await pool.run(0)).toBe(thread);
});

test('a pool that rested ends only idle threads, and starts others when there is work again', async () => {
  pool = createPool(SCRIPT, 2);
  const busy = pool.run(200);
  const rested = await pool.run(0);
  await pool.rest();
  expect(await pool.run(0)).not.toBe(rested);
  expect(await busy).not.toBe(rested);
});
