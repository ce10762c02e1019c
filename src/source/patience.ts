// Watches how long an answer keeps this client waiting: what counts as silence, when a wait is reported, and when the request is ended.

import { RUN_AGAIN } from '../error-codes.js';
import { LmError } from '../errors.js';

export interface Patience {
  /** The length of a second: tests use a shorter one. */
  secondMs: number;
  /** Silence for so long ends an answer of an agent, which sends a line every 5 s. */
  silenceMs: number;
  /** The same for a Sidecar, which answers once the whole file is hashed or the whole tree walked; its own timeout is 5 min. */
  sidecarSilenceMs: number;
  /** A wait without useful data is reported after so long, and each time it has doubled. */
  reportMs: number;
  /** An answer may consist of signs of life alone for so long: during a walk, or the operator's command. Digests get the time of a slow disk on top. */
  aliveMs: number;
}

export const PATIENCE: Patience = {
  secondMs: 1_000,
  silenceMs: 30_000,
  sidecarSilenceMs: 300_000,
  reportMs: 60_000,
  aliveMs: 3_600_000,
};

/** A slower drip counts as silence. The signs of life of an agent, some 60 bytes every 5 s, are well above. */
const MIN_BYTES_PER_SECOND = 2;

export interface Waiting {
  /** What the request is for, in words for people: `the listing`. */
  what: string;
  silenceMs: number;
  /** Undefined is no limit, where the reader does not report progress. */
  aliveMs?: number;
  /** Called with the time without useful data, and whether there were signs of life. */
  report?(forMs: number, alive: boolean): void;
  /** Ends an answer that has taken too long, with a `source` error. */
  end(error: LmError): void;
}

/**
 * Watches one answer. It counts the seconds in which this client waits for it, one by one: time that this host spends otherwise, or in which
 * the process was stopped, is not the source's silence.
 */
export class Watch {
  readonly #for: Waiting;
  readonly #reportMs: number;
  readonly #timer: NodeJS.Timeout;
  #isWaiting = true;
  #silentMs = 0;
  /** Bytes since the silence began. */
  #bytes = 0;
  #uselessMs = 0;
  #reportAtMs: number;
  #alive = false;

  constructor(waiting: Waiting, { secondMs, reportMs }: Pick<Patience, 'secondMs' | 'reportMs'>) {
    this.#for = waiting;
    this.#reportMs = reportMs;
    this.#reportAtMs = reportMs;
    this.#timer = setInterval(() => this.#tick(), secondMs).unref();
  }

  /** Stops counting until `wait`. */
  rest(): void {
    this.#isWaiting = false;
  }

  wait(): void {
    this.#isWaiting = true;
  }

  received(bytes: number): void {
    this.#bytes += bytes;
    this.#alive = true;
    if (this.#bytes * 1000 < MIN_BYTES_PER_SECOND * this.#for.silenceMs) return;
    this.#bytes = 0;
    this.#silentMs = 0;
  }

  /** Useful data has come. */
  progressed(): void {
    this.#bytes = 0;
    this.#silentMs = 0;
    this.#uselessMs = 0;
    this.#reportAtMs = this.#reportMs;
    this.#alive = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (!this.#isWaiting) return;
    this.#silentMs += 1_000;
    this.#uselessMs += 1_000;
    const { what, silenceMs, aliveMs = Number.POSITIVE_INFINITY, report } = this.#for;
    if (this.#uselessMs >= this.#reportAtMs) {
      report?.(this.#uselessMs, this.#alive);
      this.#reportAtMs *= 2;
    }
    if (this.#silentMs >= silenceMs) this.#giveUp(stalledText(what, this.#bytes, silenceMs));
    else if (this.#uselessMs >= aliveMs)
      this.#giveUp(`${what} stalled: nothing but signs of life came for ${spanText(aliveMs)}`);
  }

  #giveUp(message: string): void {
    this.#for.end(new LmError('source-stalled', message, { hint: RUN_AGAIN }));
  }
}

/** The error code of a stalled answer in a transfer worker: see `stalledText`. */
export const STALLED = 'STALLED';

/** The message for an answer of which only so many bytes have come in that time. */
export function stalledText(what: string, bytes: number, ms: number): string {
  const came = bytes === 0 ? 'nothing' : `less than ${MIN_BYTES_PER_SECOND} bytes a second`;
  return `${what} stalled: ${came} came for ${spanText(ms)}`;
}

const spanText = (ms: number): string => (ms < 120_000 ? `${ms / 1000} s` : `${Math.round(ms / 60_000)} minutes`);
