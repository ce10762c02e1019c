// Replies to the Sidecar's routes for tasks: checks bodies in the Sidecar's order and refuses with its messages. `TaskManager` runs the tasks.

import { DIGEST_ALGORITHMS } from '../../digest/digest.js';
import { inOneLine, LmError } from '../../errors.js';
import { ROUTES } from '../../wire/routes.js';
import {
  DataCopyRequest,
  type DataCopyTask,
  FilesVerificationRequest,
  type FilesVerificationTask,
  readBody,
  type TaskCreated,
} from '../../wire/sidecar/task-messages.js';
import { errorReply, guardReply, jsonReply, type Reply } from '../reply.js';
import type { Request } from '../request.js';
import { type Completion, completionGuard } from './status-reply.js';

/** The request and the document of each kind of task. */
export interface TaskKinds {
  copy: { request: DataCopyRequest; document: DataCopyTask };
  verification: { request: FilesVerificationRequest; document: FilesVerificationTask };
}
export type TaskKind = keyof TaskKinds;

/** Runs the tasks of this instance, one at a time: it has the running task, or the last one. */
export interface TaskManager {
  /**
   * Begins a task for the client at address `by`. Resolves with its id once its run has the lock; undefined while another task runs. Throws
   * `locked` while a command of this host runs, and what refuses the task before it has the lock; a guard that refuses later ends it FAILED.
   */
  create<K extends TaskKind>(kind: K, request: TaskKinds[K]['request'], by: string): Promise<string | undefined>;
  /** Undefined before the first task. */
  current(): { kind: TaskKind; id: string } | undefined;
  /** The document of the `current` task. */
  document(): DataCopyTask | FilesVerificationTask;
  /** Stops the current task, unless it has ended, and resolves with its document. */
  cancel(by: string): Promise<DataCopyTask | FilesVerificationTask>;
}

export interface TaskSetup {
  /** Undefined at a source. */
  taskManager: TaskManager | undefined;
  completion: Completion;
  maxConcurrentFileRequests: number;
}

interface TaskReplies {
  create(request: Request): Promise<Reply>;
  list(): Reply;
  one(id: string): Reply;
  cancel(id: string, request: Request): Promise<Reply>;
}

/** Far more than a valid body has. */
const MAX_BODY_BYTES = 16 * 1024;

interface Messages<K extends TaskKind> {
  read(body: Uint8Array): TaskKinds[K]['request'] | undefined;
  unreadable: string;
  /** What is wrong with a request that could be read; undefined for a valid one. */
  problem(request: TaskKinds[K]['request']): string | undefined;
  busy: string;
  /** The message for an id of a task of the other kind. */
  otherKind(id: string): string;
  unknownToCancel(id: string): string;
  path: string;
}

/** The Sidecar numbers its instances; this process has one. */
const INSTANCE = 1;

const noTask = (id: string): string => `No task found with given id ${id}`;

const COPY: Messages<'copy'> = {
  read: (body) => readBody(DataCopyRequest, body),
  unreadable: 'Error while decoding values, please check your request body.',
  problem: () => undefined,
  busy: 'Another task is already under progress. Cannot accept new task.',
  otherKind: (id) => `Task ${id} is not a data copy task`,
  unknownToCancel: noTask,
  path: ROUTES.copies.path,
};

const VERIFICATION: Messages<'verification'> = {
  read: (body) => readBody(FilesVerificationRequest, body),
  unreadable: 'Failed to parse request body, please ensure that the request is valid.',
  problem: ({ digestAlgorithm: name }) =>
    isDigestAlgorithm(name.toLowerCase()) ? undefined : `Unsupported digest algorithm ${name}`,
  busy: `Another files digest verification is in progress for instance=${INSTANCE}`,
  otherKind: (id) => `Task ${id} is not a files verification task`,
  unknownToCancel: (id) => `No live migration task found with id ${id}`,
  path: ROUTES.verifications.path,
};

type Handler<Params> = (params: Params, request: Request) => Reply | Promise<Reply>;

export interface TaskHandlers {
  copies: Handler<object>;
  copy: Handler<{ taskId: string }>;
  verifications: Handler<object>;
  verification: Handler<{ taskId: string }>;
}

/** As the Sidecar's: after completion no task can be created, and those that exist are still reported. */
export function taskHandlers({ taskManager, completion, maxConcurrentFileRequests }: TaskSetup): TaskHandlers {
  const handlersFor = <K extends TaskKind>(
    kind: K,
    messages: Messages<K>,
  ): [Handler<object>, Handler<{ taskId: string }>] => {
    const replies = taskManager && repliesFor(kind, messages, taskManager, maxConcurrentFileRequests);
    if (!replies) return [() => guardReply(404), () => guardReply(404)];
    return [
      (_, request) =>
        request.method === 'GET' ? replies.list() : (completionGuard(completion) ?? replies.create(request)),
      ({ taskId }, request) => (request.method === 'GET' ? replies.one(taskId) : replies.cancel(taskId, request)),
    ];
  };
  const [copies, copy] = handlersFor('copy', COPY);
  const [verifications, verification] = handlersFor('verification', VERIFICATION);
  return { copies, copy, verifications, verification };
}

function repliesFor<K extends TaskKind>(
  kind: K,
  messages: Messages<K>,
  taskManager: TaskManager,
  maxConcurrentFileRequests: number,
): TaskReplies {
  /** The reply where no task has this id and kind. */
  function absent(id: string, unknown: (id: string) => string): Reply | undefined {
    const current = taskManager.current();
    if (current?.id !== id) return errorReply(404, unknown(id));
    return current.kind === kind ? undefined : errorReply(404, messages.otherKind(id));
  }

  return {
    async create(request) {
      const body = await request.readBody(MAX_BODY_BYTES);
      if (!body) return errorReply(413, `a task takes at most ${MAX_BODY_BYTES} bytes`);
      const asked = messages.read(body);
      if (!asked) return errorReply(400, messages.unreadable);
      if (asked.maxConcurrency > maxConcurrentFileRequests)
        return errorReply(400, `max concurrency can not be more than ${maxConcurrentFileRequests}`);
      const problem = messages.problem(asked);
      if (problem !== undefined) return errorReply(400, problem);
      try {
        const taskId = await taskManager.create(kind, asked, request.remote);
        if (taskId === undefined) return errorReply(409, messages.busy);
        const created: TaskCreated = { taskId, statusUrl: `${messages.path}/${taskId}` };
        return { ...jsonReply(202, created), audit: `began ${kind} task ${taskId}` };
      } catch (error) {
        return refusal(error, messages.busy);
      }
    },
    list: () => jsonReply(200, taskManager.current()?.kind === kind ? [taskManager.document()] : []),
    one: (id) => absent(id, noTask) ?? jsonReply(200, taskManager.document()),
    async cancel(id, { remote }) {
      const none = absent(id, messages.unknownToCancel);
      return none ?? { ...jsonReply(200, await taskManager.cancel(remote)), audit: `cancelled ${kind} task ${id}` };
    },
  };
}

const isDigestAlgorithm = (name: string): boolean => DIGEST_ALGORITHMS.some((known) => known === name);

/** The reply to an error that an operator has to resolve first, with its message. Throws errors that another try may not meet. */
function refusal(error: unknown, busy: string): Reply {
  if (!(error instanceof LmError)) throw error;
  if (error.code === 'local') throw error;
  if (error.code === 'locked') return errorReply(409, `${busy} ${error.message}`);
  return errorReply(400, inOneLine(error));
}
