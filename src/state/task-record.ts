// Records the last task of a destination with its document, so that it is known after a restart.

import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';

const status = z.looseObject({ iteration: z.int(), state: z.string() });
const about = { createdMs: z.int(), endedMs: z.int().nullable(), by: z.string(), id: z.string() };

/** Zod gives an object the order of its shape; a document is told of with its members in the order of the Sidecar's. */
const asItStands = <T>(shape: z.ZodType<T>) => z.custom<T>((value) => shape.safeParse(value).success);

/** Of a document only what a reader of another version could trip over is looked at. */
const TaskRecord = z.discriminatedUnion('kind', [
  z.object({
    ...{ kind: z.literal('copy'), ...about },
    document: asItStands(
      z.looseObject({ maxIterations: z.int(), status: z.array(status), message: z.string().optional() }),
    ),
  }),
  z.object({
    ...{ kind: z.literal('verification'), ...about },
    document: asItStands(z.looseObject({ state: z.string(), message: z.string().optional() })),
  }),
]);

/** `endedMs` is null while it runs, and of one whose agent was cut off. `by` is the address it was asked for from. */
export type TaskRecord = z.infer<typeof TaskRecord>;

const pathIn = (dir: string): string => join(dir, 'task.json');

/** Throws `local`. */
export const recordTask = (dir: string, task: TaskRecord): void => writeFileAtomically(pathIn(dir), recordText(task));

/** As it was last: of a copy the state of its last pass. */
export function taskState(task: TaskRecord): string {
  if (task.kind === 'verification') return task.document.state;
  return task.document.status.at(-1)?.state ?? 'STARTING';
}

/** Undefined where there was none. Throws `local` for one that is damaged. */
export const readTask = (dir: string): TaskRecord | undefined =>
  readRecord(pathIn(dir), TaskRecord, 'it tells only of the last task: remove it');
