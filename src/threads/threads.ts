// Worker threads that answer one message with one message. Knows nothing of what the jobs are.

import { parentPort, Worker } from 'node:worker_threads';
import { type ErrorCode, LmError, systemFailure } from '../errors.js';

export interface Pool<Job, Result> {
  /** Hands the job to the least busy thread. Rejects with the LmError the handler threw. */
  run(job: Job, transfer?: ArrayBuffer[]): Promise<Result>;
  /** Hands the job to every thread that has been started. */
  tellAll(job: Job): Promise<void>;
  /** Ends the threads that have nothing to do: what they hold goes back to the system. The next job starts others. */
  rest(): Promise<void>;
  /** Ends the threads at once; jobs under way are rejected. */
  close(): Promise<void>;
}

interface Thread<Result> {
  worker: Worker;
  waiting: Map<number, { resolve(result: Result): void; reject(error: unknown): void }>;
}

type Answer = { id: number; value?: unknown; error?: CarriedError };

/** An LmError as it crosses threads; anything else keeps its text and stack. */
interface CarriedError {
  code?: ErrorCode;
  message: string;
  hint?: string | undefined;
  details?: string[] | undefined;
  stack?: string | undefined;
}

/** Young objects of a job die with it; V8's own 48 MiB a thread cost 70 MiB of memory for 200,000 files, and save no time. */
const YOUNG_MIB = 12;

/** `size` threads at most, started when first needed; a thread may have several jobs under way. */
export function createPool<Job, Result>(script: URL, size: number, workerData?: unknown): Pool<Job, Result> {
  const threads: Thread<Result>[] = [];
  let lastId = 0;
  let closed = false;

  const start = (): Thread<Result> => {
    const worker = new Worker(script, { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB } });
    const thread: Thread<Result> = { worker, waiting: new Map() };
    thread.worker.on('message', (answer: Answer) => {
      const job = thread.waiting.get(answer.id);
      thread.waiting.delete(answer.id);
      if (thread.waiting.size === 0 && !closed) thread.worker.unref(); // closing waits for its end
      if (answer.error) job?.reject(revive(answer.error));
      else job?.resolve(answer.value as Result);
    });
    const fail = (error: unknown): void => {
      const at = threads.indexOf(thread);
      if (at >= 0) threads.splice(at, 1); // an error is followed by an exit
      for (const job of thread.waiting.values()) job.reject(error);
      thread.waiting.clear();
    };
    thread.worker.on('error', fail);
    thread.worker.on('exit', () => fail(new Error('a worker thread ended in the middle of its work')));
    threads.push(thread);
    return thread;
  };

  const post = (thread: Thread<Result>, job: Job, transfer: ArrayBuffer[] = []): Promise<Result> =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      thread.waiting.set(id, { resolve, reject });
      thread.worker.ref();
      thread.worker.postMessage({ id, job }, transfer);
    });

  return {
    run(job, transfer) {
      if (closed) return Promise.reject(new Error('the threads have been closed'));
      const idlest = threads.reduce<Thread<Result> | undefined>(
        (best, t) => (best && best.waiting.size <= t.waiting.size ? best : t),
        undefined,
      );
      const thread = idlest && (idlest.waiting.size === 0 || threads.length >= size) ? idlest : start();
      return post(thread, job, transfer);
    },
    async tellAll(job) {
      await Promise.all(threads.map((thread) => post(thread, job)));
    },
    async rest() {
      const idle = threads.filter((thread) => thread.waiting.size === 0);
      for (const thread of idle) threads.splice(threads.indexOf(thread), 1);
      await Promise.all(idle.map((thread) => thread.worker.terminate()));
    },
    async close() {
      closed = true;
      await Promise.all(threads.map((thread) => thread.worker.terminate()));
    },
  };
}

/** A result whose buffers move to the other thread instead of being copied. */
class Transferred<Result> {
  readonly value: Result;
  readonly buffers: ArrayBuffer[];
  constructor(value: Result, buffers: ArrayBuffer[]) {
    this.value = value;
    this.buffers = buffers;
  }
}

export const transferring = <Result>(value: Result, buffers: ArrayBuffer[]): Result =>
  new Transferred(value, buffers) as unknown as Result;

/** Called once by a worker's script. Jobs that wait for something may overlap. */
export function serveJobs<Job, Result>(handle: (job: Job) => Result | Promise<Result>): void {
  const port = parentPort!;
  port.on('message', async ({ id, job }: { id: number; job: Job }) => {
    try {
      const value = await handle(job);
      if (value instanceof Transferred) port.postMessage({ id, value: value.value }, value.buffers);
      else port.postMessage({ id, value });
    } catch (error) {
      port.postMessage({ id, error: carry(error) });
    }
  });
}

function carry(error: unknown): CarriedError {
  const known = error instanceof LmError ? error : systemFailure(error);
  if (known) return { code: known.code, message: known.message, hint: known.hint, details: known.details };
  return error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) };
}

function revive(carried: CarriedError): Error {
  if (carried.code) return new LmError(carried.code, carried.message, { hint: carried.hint, details: carried.details });
  return Object.assign(new Error(carried.message), { stack: carried.stack });
}
