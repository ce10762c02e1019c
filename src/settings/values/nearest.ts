// What was probably meant by a misspelt name. Stays silent rather than guess wildly.

/** The candidate at most two slips away (one, for short names); undefined when none is that near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = word.length < 5 ? 1 : 2;
  for (const candidate of candidates) {
    if (Math.abs(word.length - candidate.length) > least) continue; // as many slips at least, and long words take long
    const slips = distance(word, candidate);
    if (slips <= least && (best === undefined || slips < least)) {
      best = candidate;
      least = slips;
    }
  }
  return best;
}

/** Letters added, dropped, changed, or swapped with their neighbour. */
export function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
