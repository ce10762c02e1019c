import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { createPool, type Pool } from '../../src/threads/threads.js';

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
  const thread = await healthy; // by now the crashed one has exited, too
  expect(await pool.run(0)).toBe(thread);
});

test('endIdle ends only idle threads, and the next job starts others', async () => {
  pool = createPool(SCRIPT, 2);
  const busy = pool.run(200);
  const rested = await pool.run(0);
  await pool.endIdle();
  expect(await pool.run(0)).not.toBe(rested);
  expect(await busy).not.toBe(rested);
});

test('a pool whose last answer comes while it is closed keeps the process until it is', async () => {
  const built = new URL('../../dist/modules/threads/threads.js', import.meta.url);
  const program = `
    import { createPool } from ${JSON.stringify(built.href)};
    const pool = createPool(new URL(${JSON.stringify(SCRIPT.href)}), 1);
    pool.run(0).catch(() => {});
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000); // the answer is there, and not read yet
    await pool.close();
    console.log('closed');`;
  const ended = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  expect(ended.stdout).toBe('closed\n');
});

test('a pool that is closed by each of many who use it gives no warning', async () => {
  const built = new URL('../../dist/modules/threads/threads.js', import.meta.url);
  const program = `
    import { createPool } from ${JSON.stringify(built.href)};
    const pool = createPool(new URL(${JSON.stringify(SCRIPT.href)}), 1);
    await pool.run(0);
    await Promise.all(Array.from({ length: 12 }, () => pool.close()));`;
  const ended = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  expect(ended.stderr).toBe('');
});
