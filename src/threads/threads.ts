// Runs jobs in worker threads: one message for a job, one for its result. It does not know what the jobs are.

import { parentPort, Worker } from 'node:worker_threads';
import type { ErrorKind } from '../errors/kinds.js';
import { knownError, LmError } from '../errors.js';
import { threadFile } from './own-files.js';

export interface Pool<Job, Result> {
  /** Gives the job to the least busy thread. Rejects with the LmError that the handler threw. */
  run(job: Job, transfer?: ArrayBuffer[]): Promise<Result>;
  /** Gives the job to every thread that has been started. */
  broadcast(job: Job): Promise<void>;
  /** Ends the idle threads, which returns their memory to the system. The next job starts new ones. */
  endIdle(): Promise<void>;
  /** Ends the threads at once; jobs under way are rejected. It may be called again. */
  close(): Promise<void>;
}

interface Thread<Result> {
  worker: Worker;
  jobs: Map<number, { resolve(result: Result): void; reject(error: unknown): void }>;
}

type Answer = { id: number; value?: unknown; error?: PlainError };

/** An error as it crosses threads. An LmError keeps its kind and hint; any other error keeps its text and stack. */
interface PlainError {
  kind?: ErrorKind;
  message: string;
  hint?: string | undefined;
  details?: string[] | undefined;
  stack?: string | undefined;
}

/** V8's default of 48 MiB a thread costs 70 MiB more memory for 200,000 files and saves no time: a job's young objects die with it. */
const YOUNG_MIB = 12;

/** At most `size` threads, each started when it is first needed. A thread may have several jobs under way. */
export function createPool<Job, Result>(script: URL, size: number, workerData?: unknown): Pool<Job, Result> {
  const threads: Thread<Result>[] = [];
  let lastId = 0;
  let closing: Promise<unknown> | undefined;

  const start = (): Thread<Result> => {
    const { file, options } = threadFile(script);
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB };
    const worker = new Worker(file, { ...options, workerData, resourceLimits });
    const thread: Thread<Result> = { worker, jobs: new Map() };
    thread.worker.on('message', (answer: Answer) => {
      const job = thread.jobs.get(answer.id);
      thread.jobs.delete(answer.id);
      if (thread.jobs.size === 0 && !closing) thread.worker.unref(); // close() waits for the thread to end
      if (answer.error) job?.reject(fromPlain(answer.error));
      else job?.resolve(answer.value as Result);
    });
    const fail = (error: unknown): void => {
      const at = threads.indexOf(thread);
      if (at >= 0) threads.splice(at, 1); // an error is followed by an exit
      for (const job of thread.jobs.values()) job.reject(error);
      thread.jobs.clear();
    };
    thread.worker.on('error', fail);
    thread.worker.on('exit', () => fail(new Error('a worker thread ended in the middle of its work')));
    threads.push(thread);
    return thread;
  };

  const post = (thread: Thread<Result>, job: Job, transfer: ArrayBuffer[] = []): Promise<Result> =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      thread.jobs.set(id, { resolve, reject });
      thread.worker.ref();
      thread.worker.postMessage({ id, job }, transfer);
    });

  return {
    run(job, transfer) {
      if (closing) return Promise.reject(new Error('the threads have been closed'));
      const idlest = threads.reduce<Thread<Result> | undefined>(
        (best, t) => (best && best.jobs.size <= t.jobs.size ? best : t),
        undefined,
      );
      const thread = idlest && (idlest.jobs.size === 0 || threads.length >= size) ? idlest : start();
      return post(thread, job, transfer);
    },
    async broadcast(job) {
      await Promise.all(threads.map((thread) => post(thread, job)));
    },
    async endIdle() {
      const idle = threads.filter((thread) => thread.jobs.size === 0);
      for (const thread of idle) threads.splice(threads.indexOf(thread), 1);
      await Promise.all(idle.map((thread) => thread.worker.terminate()));
    },
    async close() {
      closing ??= Promise.all(threads.map((thread) => thread.worker.terminate())); // each call of it listens for the exit
      await closing;
    },
  };
}

/** A result whose buffers are moved to the other thread, not copied. */
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

/** A worker's script calls this once. Jobs overlap while one of them waits. */
export function serveJobs<Job, Result>(handle: (job: Job) => Result | Promise<Result>): void {
  const port = parentPort!;
  port.on('message', async ({ id, job }: { id: number; job: Job }) => {
    try {
      const value = await handle(job);
      if (value instanceof Transferred) port.postMessage({ id, value: value.value }, value.buffers);
      else port.postMessage({ id, value });
    } catch (error) {
      port.postMessage({ id, error: toPlain(error) });
    }
  });
}

function toPlain(error: unknown): PlainError {
  const known = knownError(error);
  if (known) return { kind: known.kind, message: known.message, hint: known.hint, details: known.details };
  return error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) };
}

function fromPlain(carried: PlainError): Error {
  if (carried.kind) return new LmError(carried.kind, carried.message, { hint: carried.hint, details: carried.details });
  return Object.assign(new Error(carried.message), { stack: carried.stack });
}
