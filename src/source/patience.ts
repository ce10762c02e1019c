// How long an answer may keep this client waiting: what counts as silence, and when it is said that nothing of use has come. Reads no
// byte of it.

import { LmError } from '../errors.js';

export interface Patience {
  /** How long a second takes: tests have less time. */
  secondMs: number;
  /** Silence for so long ends an answer of an agent, which says something every 5 s. */
  silenceMs: number;
  /** The same for a Sidecar, which answers when the whole file is hashed, or the whole tree walked; its own timeout is 5 min. */
  sidecarSilenceMs: number;
  /** Without anything of use for so long it is said, and again each time that has doubled. */
  sayMs: number;
  /** So long may there be signs of life alone: a walk, a command of the operator's there. Digests have the time of a slow disk on top. */
  aliveMs: number;
}

export const PATIENCE: Patience = {
  secondMs: 1_000,
  silenceMs: 30_000,
  sidecarSilenceMs: 300_000,
  sayMs: 60_000,
  aliveMs: 3_600_000,
};

/** What drips in below that is silence too. The signs of life of an agent, some 60 bytes every 5 s, are well above. */
const MIN_BYTES_PER_SECOND = 2;

export interface Waiting {
  /** What was asked for, as people know it: `the listing`. */
  asked: string;
  silenceMs: number;
  /** Without end, if nobody knows what is of use. */
  aliveMs?: number;
  /** Hears how long nothing of use has come, and whether there were signs of life. */
  say?(forMs: number, alive: boolean): void;
  /** Ends an answer that has kept this client waiting for too long, with a `source` error. */
  end(error: LmError): void;
}

/**
 * Of one answer. It counts the seconds in which it is waited for, one by one: what this host does in between, or a process that was
 * stopped, is not the source's silence.
 */
export class Watch {
  readonly #for: Waiting;
  readonly #sayMs: number;
  readonly #timer: NodeJS.Timeout;
  #isWaiting = true;
  #silentMs = 0;
  /** Since the silence began. */
  #bytes = 0;
  #uselessMs = 0;
  #sayAtMs: number;
  #alive = false;

  constructor(waiting: Waiting, { secondMs, sayMs }: Pick<Patience, 'secondMs' | 'sayMs'>) {
    this.#for = waiting;
    this.#sayMs = sayMs;
    this.#sayAtMs = sayMs;
    this.#timer = setInterval(() => this.#tick(), secondMs).unref();
  }

  /** Nothing is waited for, until `wait`. */
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

  /** Something has come that was asked for. */
  progressed(): void {
    this.#bytes = 0;
    this.#silentMs = 0;
    this.#uselessMs = 0;
    this.#sayAtMs = this.#sayMs;
    this.#alive = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (!this.#isWaiting) return;
    this.#silentMs += 1_000;
    this.#uselessMs += 1_000;
    const { asked, silenceMs, aliveMs = Number.POSITIVE_INFINITY, say } = this.#for;
    if (this.#uselessMs >= this.#sayAtMs) {
      say?.(this.#uselessMs, this.#alive);
      this.#sayAtMs *= 2;
    }
    if (this.#silentMs >= silenceMs) this.#giveUp(stalledText(asked, this.#bytes, silenceMs));
    else if (this.#uselessMs >= aliveMs)
      this.#giveUp(`${asked} stalled: nothing but signs of life came for ${spanText(aliveMs)}`);
  }

  #giveUp(message: string): void {
    this.#for.end(new LmError('source', message, { hint: 'run the same command again; what was copied is kept' }));
  }
}

/** The code of a fault of a lane: see `stalledText`. */
export const STALLED = 'STALLED';

/** Of an answer of which only so many bytes have come in that time. */
export function stalledText(asked: string, bytes: number, ms: number): string {
  const came = bytes === 0 ? 'nothing' : `less than ${MIN_BYTES_PER_SECOND} bytes a second`;
  return `${asked} stalled: ${came} came for ${spanText(ms)}`;
}

const spanText = (ms: number): string => (ms < 120_000 ? `${ms / 1000} s` : `${Math.round(ms / 60_000)} minutes`);
