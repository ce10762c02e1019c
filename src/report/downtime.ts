// What the time from the final copy on was spent on. Shapes only.

export type DowntimePart =
  | 'guards'
  | 'wait'
  | 'list'
  | 'compare'
  | 'clean'
  | 'fetch'
  | 'prove'
  | 'sync'
  | 'start and end'
  | 'verify'
  | 'post-check'
  | 'complete'
  | 'between commands';

/** From the begin of the final copy to the completion, or to the last command so far. When the service stopped, lm cannot know. */
export interface Downtime {
  beganAtMs: number;
  endedAtMs: number;
  totalMs: number;
  /** The last forecast before, and how long the same took; absent where there was none. */
  forecast?: ForecastOutcome;
  /** In the order in which they come; they add up to the total. */
  parts: { name: DowntimePart; ms: number }[];
}

/** `copyMs` and `verifyMs` are those of the forecast that was made at `atMs`. */
export interface ForecastOutcome {
  atMs: number;
  copyMs: number;
  verifyMs: number;
  tookCopyMs: number;
  /** Of the first incremental verification after it; absent before there was any. */
  tookVerifyMs?: number;
}
