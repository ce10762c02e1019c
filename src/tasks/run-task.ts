// Runs a task: `startCopy` or `startVerify`, from the first check that may refuse it to its end. Writes no record of it.

import { type RunningCopy, startCopy } from '../copy/run.js';
import { inOneLine, LmError, printable, systemFailure } from '../errors.js';
import type { Emit, Event } from '../events.js';
import type { Listener } from '../migration/listener.js';
import type { User } from '../migration/user.js';
import { startVerify } from '../verify/run.js';
import type {
  DataCopyRequest,
  DataCopyTask,
  FilesVerificationRequest,
  FilesVerificationTask,
} from '../wire/sidecar/task-messages.js';
import { refuseIfRunning } from './at-rest.js';
import { copyDocument, type TaskEnd, verificationDocument } from './documents.js';
import { type AgentInvocation, copyFor, verificationFor } from './prepare.js';

export interface Requests {
  copy: DataCopyRequest;
  verification: FilesVerificationRequest;
}

export interface TaskContext {
  invocation: AgentInvocation;
  user: User;
  /** Makes the reporter of a run: for the operator of the agent, and for other processes of this host that find the lock held. */
  reporter(task: { id: string; kind: keyof Requests }): TaskReporter;
}

export interface TaskReporter {
  emit: Emit;
  status(): object;
  /** Called at the end of the run, with the error that ended it. */
  ended(error?: LmError): void;
}

/** A task that has the lock. */
export interface RunningTask {
  document(end?: TaskEnd): DataCopyTask | FilesVerificationTask;
  abort(error: LmError): void;
  /** Never rejects. */
  done: Promise<TaskEnd>;
}

interface Beginning extends TaskContext {
  /** The directory of the agent's records. */
  dir: string;
  id: string;
  /** Called when a phase has begun or a pass has ended. */
  changed(): void;
}

/** Resolves once the copy has the lock. Throws the error that refused it before. */
export async function beginCopy(request: DataCopyRequest, context: Beginning): Promise<RunningTask> {
  const { id } = context;
  const destination = await copyFor(request, context);
  await refuseIfRunning(destination);
  const { url } = destination.settings;
  const facts = { taskId: id, ...sourceOf(url), ...request };
  const downloading = new Set<number>();
  let copy: RunningCopy;
  const begun = await accepted('copy', context, (listener) => {
    const emit: Emit = (event) => {
      if (event.type === 'phase' && event.state === 'DOWNLOADING') downloading.add(event.iteration);
      listener.emit(event);
    };
    copy = startCopy({ ...destination, user: context.user }, { ...listener, emit });
    return copy.done.then(({ end, message }) => (end === 'success' ? DONE : failed(message)));
  });
  return { ...begun, document: (end) => copyDocument(facts, copy.report(), downloading, end) };
}

/** As `beginCopy`. */
export async function beginVerification(request: FilesVerificationRequest, context: Beginning): Promise<RunningTask> {
  const { id } = context;
  const destination = await verificationFor(request, context);
  const { digestAlgorithm } = request;
  const facts = { id, digestAlgorithm, ...sourceOf(destination.settings.url) };
  let run: ReturnType<typeof startVerify>;
  const begun = await accepted('verification', context, (listener) => {
    run = startVerify({ ...destination, user: context.user }, listener);
    return run.done.then(({ end, message }) => (end === 'same' ? DONE : failed(message)));
  });
  return { ...begun, document: (end) => verificationDocument(facts, run.report(), end) };
}

const DONE: TaskEnd = { how: 'done' };
const failed = (message: string): TaskEnd => ({ how: 'failed', message });

/** The source as the migration map names it, and so the Sidecar. */
const sourceOf = ({ hostname, port, protocol }: URL): { source: string; port: number } => ({
  source: hostname.replace(/^\[(.*)\]$/, '$1'),
  port: Number(port || (protocol === 'https:' ? 443 : 80)),
});

/** Starts a run, and resolves once it has started, which it does with the lock. Rejects with the error that ended it before. */
async function accepted(
  kind: keyof Requests,
  { id, reporter: reporterOf, changed }: Beginning,
  start: (listener: Listener) => Promise<TaskEnd>,
): Promise<Omit<RunningTask, 'document'>> {
  const controller = new AbortController();
  const reporter = reporterOf({ id, kind });
  let accept!: () => void;
  const started = new Promise<void>((resolve) => {
    accept = resolve;
  });
  let hasStarted = false;
  const emit = (event: Event): void => {
    if (event.type === 'run-started') {
      hasStarted = true;
      accept();
    }
    reporter.emit(event);
    if (event.type === 'iteration-ended' || (event.type === 'phase' && !UNTOLD.has(event.state))) changed();
  };
  const command = `lm serve, ${kind} task ${id}`;
  const ended = start({ emit, status: () => reporter.status(), command, signal: controller.signal });
  const done = ended.then(
    (end) => {
      reporter.ended();
      return end;
    },
    (error: unknown) => {
      const known = error instanceof LmError ? error : (systemFailure(error) ?? bug(error));
      reporter.ended(hasStarted ? known : undefined);
      return failed(inOneLine(known));
    },
  );
  await Promise.race([started, ended]);
  return { abort: (error) => controller.abort(error), done };
}

/** Phases that the document of a task does not tell. */
const UNTOLD: ReadonlySet<string> = new Set(['WAITING', 'COMPARING', 'SYNCING']);

const bug = (cause: unknown): LmError =>
  new LmError(
    'local',
    `this is a bug in lm: ${printable(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))}`,
    {
      cause,
    },
  );
