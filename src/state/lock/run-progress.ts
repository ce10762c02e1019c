// Reads the status that a running copy or verification sends at its lock, and an agent at its own address.

import * as z from 'zod';

const count = z.number().nonnegative();

/** `iteration` and the counts are those of the phase it is in; `matchRatio` that of its plan. Times in ms since the epoch. */
const RunProgress = z.object({
  run: z.string().max(100),
  state: z.string().max(100),
  iteration: count,
  sinceMs: z.number(),
  matchRatio: count.optional(),
  bytesDone: count.optional(),
  bytesTotal: count.optional(),
  filesDone: count.optional(),
  filesTotal: count.optional(),
  bytesPerSecond: count.optional(),
  /** What its last forecast said, of final pass and verification. */
  downtimeMs: count.optional(),
});
export type RunProgress = z.infer<typeof RunProgress>;

/** What a run keeps to: `text` for people; `request` is the id of what `lm limit` asked for last. */
const LimitState = z.object({
  run: z.string().max(100),
  text: z.string().max(300),
  bytesPerSecond: count.optional(),
  request: z.string().max(100).optional(),
});
export type LimitState = z.infer<typeof LimitState>;

const AgentState = z.object({
  url: z.string().max(1_000),
  limit: z.string().max(300).optional(),
  /** The keys of roots of which it serves a snapshot; an older one serves none. */
  snapshots: z.array(z.string().max(100)).optional(),
  clients: z.array(
    z.object({
      address: z.string().max(100),
      sinceMs: z.number(),
      lastMs: z.number(),
      requests: count,
      bytes: count,
      bytesPerSecond: count,
    }),
  ),
});
export type AgentState = z.infer<typeof AgentState>;

/** Undefined for a status without progress, as of an older lm. */
export const progressIn = (status: unknown): RunProgress | undefined =>
  z.object({ progress: RunProgress }).safeParse(status).data?.progress;

/** Undefined for what has no limit, as `lm complete`, and for an older lm. */
export const limitIn = (status: unknown): LimitState | undefined =>
  z.object({ limit: LimitState }).safeParse(status).data?.limit;

export const agentStateIn = (status: unknown): AgentState | undefined => AgentState.safeParse(status).data;
