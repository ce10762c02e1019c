// Runs the tasks of a destination's agent, one at a time: begins, shows and cancels the task, and records it, so that the next agent knows
// it too.

import { inOneLine, LmError } from '../errors.js';
import { readTask, recordTask, type TaskRecord } from '../state/task-record.js';
import type { DataCopyTask, FilesVerificationTask } from '../wire/sidecar/task-messages.js';
import { endedCopy, endedVerification, type TaskEnd } from './documents.js';
import { beginCopy, beginVerification, type Requests, type RunningTask, type TaskContext } from './run-task.js';
import { taskId } from './task-id.js';

export type TaskKind = TaskRecord['kind'];
export type TaskDocument = DataCopyTask | FilesVerificationTask;

export interface TaskManager {
  /** See the agent's `TaskManager`. */
  create<K extends TaskKind>(kind: K, request: Requests[K], by: string): Promise<string | undefined>;
  current(): { kind: TaskKind; id: string } | undefined;
  document(): TaskDocument;
  cancel(by: string): Promise<TaskDocument>;
  /** Whether a task runs, or is about to. */
  isBusy(): boolean;
  /** Stops the running task, and resolves once nothing of it runs any more. Begins no other. */
  close(): Promise<void>;
}

export interface TaskManagerOptions extends TaskContext {
  /** The directory of the records. */
  dir: string;
  warn(text: string): void;
}

interface Task {
  kind: TaskKind;
  id: string;
  by: string;
  createdMs: number;
  document(end?: TaskEnd): TaskDocument;
  /** How it ended, or is about to end. */
  end: TaskEnd | undefined;
  isRunning: boolean;
  abort(error: LmError): void;
  /** Never rejects. */
  over: Promise<void>;
}

/** How long the reply to a cancellation waits for the end of the run. */
const END_MS = 5_000;

/** Throws `local` where the record of the last task cannot be read. */
export function createTaskManager({ dir, warn, ...context }: TaskManagerOptions): TaskManager {
  let task = rememberedTask(dir);
  let isTaken = false;
  let isClosed = false;
  let creating: Promise<unknown> = Promise.resolve();

  async function make<K extends TaskKind>(kind: K, request: Requests[K], by: string): Promise<string | undefined> {
    if (isTaken || isClosed) return undefined;
    isTaken = true;
    try {
      const id = taskId();
      const begun = await begin(kind, request, { ...context, dir, id, changed: () => task?.id === id && record(task) });
      const made = madeOf({ kind, id, by, createdMs: Date.now() }, begun);
      try {
        record(made, { throws: true });
      } catch (error) {
        made.abort(stopping());
        await made.over; // until then the lock refuses the next one, for a task that nobody was told of
        throw error;
      }
      task = made;
      if (isClosed) begun.abort(stopping());
      void made.over.then(() => {
        isTaken = false;
        record(made);
      });
      return id;
    } catch (error) {
      isTaken = false;
      if (error instanceof LmError) warn(`a ${kind} task was refused to ${by}: ${inOneLine(error)}`);
      throw error;
    }
  }

  /** Once a task runs, a record that cannot be written is a warning: the run itself meets the disk that fails. */
  function record(of: Task, { throws = false } = {}): void {
    const { kind, id, by, createdMs, isRunning, end } = of;
    const endedMs = isRunning ? null : Date.now();
    try {
      recordTask(dir, { kind, id, by, createdMs, endedMs, document: { ...of.document(end) } } as TaskRecord);
    } catch (error) {
      if (throws) throw error;
      warn(
        `what is told of task ${id} after a restart is out of date: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  return {
    create(kind, request, by) {
      const made = make(kind, request, by);
      creating = Promise.allSettled([creating, made]);
      return made;
    },
    current: () => task && { kind: task.kind, id: task.id },
    document: () => task!.document(task!.end),
    async cancel(by) {
      const { isRunning, over } = task!;
      if (isRunning && !task!.end) {
        task!.end = { how: 'cancelled' };
        task!.abort(new LmError('interrupted', `cancelled over HTTP by ${by}`));
        record(task!);
      }
      if (isRunning) await Promise.race([over, new Promise((resolve) => setTimeout(resolve, END_MS).unref())]);
      return task!.document(task!.end);
    },
    isBusy: () => isTaken,
    async close() {
      isClosed = true;
      await creating;
      if (!task?.isRunning) return;
      task.end ??= { how: 'cancelled', message: STOPPED };
      task.abort(stopping());
      await task.over;
    },
  };
}

const STOPPED = 'the agent was stopped while this task ran; another one goes on where it was';
const CUT_OFF = 'the agent ended while this task ran; another one goes on where it was';

const stopping = (): LmError => new LmError('terminated', 'the agent is stopping');

const begin = <K extends TaskKind>(
  kind: K,
  request: Requests[K],
  context: Parameters<typeof beginCopy>[1],
): Promise<RunningTask> =>
  kind === 'copy'
    ? beginCopy(request as Requests['copy'], context)
    : beginVerification(request as Requests['verification'], context);

function madeOf(about: Pick<Task, 'kind' | 'id' | 'by' | 'createdMs'>, { document, abort, done }: RunningTask): Task {
  const task: Task = {
    ...about,
    document,
    abort,
    end: undefined,
    isRunning: true,
    over: done.then((end) => {
      if (end.how === 'done') task.end = end; // though it was cancelled at the last moment
      task.end ??= end;
      task.isRunning = false;
    }),
  };
  return task;
}

/** The last task by its record. A task that ran when its agent ended runs no more. */
function rememberedTask(dir: string): Task | undefined {
  const known = readTask(dir);
  if (!known) return undefined;
  const { kind, id, by, createdMs } = known;
  const document = documentOf(known);
  return {
    ...{ kind, id, by, createdMs },
    document: () => document,
    end: undefined,
    isRunning: false,
    abort() {},
    over: Promise.resolve(),
  };
}

function documentOf(known: TaskRecord): TaskDocument {
  const end = { how: 'failed', message: CUT_OFF } as const;
  if (known.kind === 'copy') {
    const document = known.document as unknown as DataCopyTask;
    return known.endedMs === null ? endedCopy(document, end) : document;
  }
  const document = known.document as unknown as FilesVerificationTask;
  return known.endedMs === null ? endedVerification(document, end) : document;
}
