// Rounds: everybody takes a turn, the order turns each time, and the first round only warms up. Knows no program.

export interface Contender {
  name: string;
  /** What a turn writes, which memory is made ready for. */
  writesBytes?: number;
  /** Before each turn, untimed. */
  prepare?(): Promise<void>;
  /** One turn; returns seconds. */
  run(): Promise<number>;
  /** After the first turn, untimed: throws when what was done is not right. */
  check?(): Promise<void>;
  /** After each turn, untimed. */
  tidy?(): Promise<void>;
}

/** The seconds of each turn that counted, or why this contender could not finish. */
export type Times = { seconds: number[]; problem?: string };

export type Tell = (text: string) => void;

/** Has a turn taken that writes so many bytes. */
export type InReadyMemory = <T>(bytes: number, turn: () => Promise<T>) => Promise<T>;

/**
 * The first turn of everybody is discarded: caches are cold. Memory is made ready before each. Who fails is out, and the others go on.
 * Rejects only when `signal` is aborted.
 */
export async function alternate(
  contenders: readonly Contender[],
  options: { rounds: number; signal: AbortSignal; tell: Tell; inReadyMemory: InReadyMemory },
): Promise<Map<string, Times>> {
  const times = new Map<string, Times>(contenders.map(({ name }) => [name, { seconds: [] }]));
  for (let round = 0; round <= options.rounds; round++) {
    const order = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const contender of order) {
      const own = times.get(contender.name)!;
      if (own.problem !== undefined) continue;
      try {
        const seconds = await turn(contender, round === 0, options.inReadyMemory);
        if (round > 0) own.seconds.push(seconds);
        const when = round === 0 ? 'warm-up' : `round ${round} of ${options.rounds}`;
        options.tell(`${when}: ${contender.name} ${seconds.toFixed(3)} s`);
      } catch (error) {
        options.signal.throwIfAborted();
        own.problem = error instanceof Error ? error.message : String(error);
        options.tell(`${contender.name} is out: ${own.problem}`);
      }
    }
  }
  return times;
}

async function turn(contender: Contender, isFirst: boolean, inReadyMemory: InReadyMemory): Promise<number> {
  try {
    await contender.prepare?.();
    const seconds = await inReadyMemory(contender.writesBytes ?? 0, () => contender.run());
    if (isFirst) await contender.check?.();
    return seconds;
  } finally {
    await contender.tidy?.();
  }
}

/** Throws on an empty list: a median of nothing would pass for a number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)];
  if (upper === undefined) throw new RangeError('a median of nothing');
  return Number.isInteger(middle) ? (sorted[middle - 1]! + upper) / 2 : upper;
}

/** Half the distance between the extremes, as a share of the median: ±0.05 means that no round was far off. */
export const spread = (values: readonly number[]): number =>
  (Math.max(...values) - Math.min(...values)) / 2 / median(values);
