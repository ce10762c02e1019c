// A row of the table of errors, and the classes that rows belong to.

/** Why a run cannot go on; `exit-codes.ts` gives each its number. */
export type ErrorCode =
  | 'usage' // flags, environment, settings file
  | 'source' // the source is unreachable or at fault for now: run again
  | 'refused' // a guard refused
  | 'protocol' // authentication, TLS, or an answer on the wire that is the same after a retry
  | 'local' // this host's disk: space, permission, I/O, journal
  | 'locked' // another process holds the lock of the migration
  | StopCode;

/** A signal ended the run; `signals.ts` has the signal of each code. */
export type StopCode = 'hungUp' | 'interrupted' | 'quit' | 'terminated';

/** What is said of a kind of error, whatever the message: parts of sentences, without a full stop. */
export interface ErrorRow {
  /** What has failed, or what was found; the message says where. */
  title: string;
  /** What there is after it. */
  kept: string;
  /** What to do; printed where the error has no hint of its own. */
  next: string;
}

export type ErrorRows = Record<string, ErrorRow>;

/** Before anything is opened for writing or asked for. */
export const NOTHING_BEGUN = 'nothing was begun';
export const COPIED = 'what was copied is kept';
/** Guards are asked before each pass removes or replaces anything; an earlier pass may have done so. */
export const NOTHING_REMOVED = `nothing was removed or replaced after that; ${COPIED}`;
export const RECORDS_KEPT = 'the data and the records are as they were';
export const RUN_AGAIN_THEN = 'then run the same command again';
