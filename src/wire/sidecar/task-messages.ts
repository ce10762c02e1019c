// The documents of the Sidecar's tasks: the request bodies that create a task, and the documents of its status. All names are the Sidecar's.

import * as z from 'zod';

/** A positive Java int. */
const positive = z.int32().positive();

/** LiveMigrationDataCopyRequest. Other members are ignored. */
export const DataCopyRequest = z.object({
  maxIterations: positive,
  successThreshold: z
    .number()
    .min(0)
    .max(1)
    .nullish()
    .transform((threshold) => threshold ?? 0),
  maxConcurrency: positive,
});
export type DataCopyRequest = z.infer<typeof DataCopyRequest>;

const MAX_NAME = 100;

/** LiveMigrationFilesVerificationRequest. `digestAlgorithm` keeps the client's spelling, which the status repeats. */
export const FilesVerificationRequest = z.object({
  maxConcurrency: positive,
  digestAlgorithm: z
    .string()
    .max(MAX_NAME)
    .refine((name) => name.trim() !== ''),
});
export type FilesVerificationRequest = z.infer<typeof FilesVerificationRequest>;

/** Undefined for a body that is not JSON, or not of this shape. */
export function readBody<T>(shape: z.ZodType<T>, body: Uint8Array): T | undefined {
  try {
    return shape.parse(JSON.parse(Buffer.from(body).toString()));
  } catch {
    return undefined;
  }
}

export interface TaskCreated {
  taskId: string;
  /** The path of the task's status. */
  statusUrl: string;
}

/** OperationStatus. -1 means unknown; the counts of files include directories. */
export interface IterationStatus {
  iteration: number;
  state: string;
  totalSize: number;
  totalFiles: number;
  bytesToDownload: number;
  filesToDownload: number;
  filesDownloaded: number;
  downloadFailures: number;
  bytesDownloaded: number;
}

/** LiveMigrationDataCopyResponse. The last of `status` is SUCCESS, CANCELLED, or the FAILED one of `maxIterations`, once the task has ended. */
export interface DataCopyTask {
  taskId: string;
  source: string;
  port: number;
  maxIterations: number;
  successThreshold: number;
  maxConcurrency: number;
  status: IterationStatus[];
  /** Why the task failed. The Sidecar has no such member; its clients ignore unknown ones. */
  message?: string;
}

/** LiveMigrationFilesVerificationResponse: NOT_STARTED, IN_PROGRESS, then COMPLETED, FAILED or CANCELLED. */
export interface FilesVerificationTask {
  id: string;
  digestAlgorithm: string;
  state: string;
  source: string;
  port: number;
  filesNotFoundAtSource: number;
  filesNotFoundAtDestination: number;
  metadataMatched: number;
  metadataMismatches: number;
  digestMismatches: number;
  digestVerificationFailures: number;
  filesMatched: number;
  /** As in DataCopyTask. */
  message?: string;
}
