// Finds the name that a misspelt one was probably meant to be. Suggests nothing when no name is close.

/** The closest candidate within two edits (one for short names); undefined when there is none. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let max = word.length < 5 ? 1 : 2;
  for (const candidate of candidates) {
    if (Math.abs(word.length - candidate.length) > max) continue; // it needs at least as many edits, and long words take long
    const edits = distance(word, candidate);
    if (edits <= max && (best === undefined || edits < max)) {
      best = candidate;
      max = edits;
    }
  }
  return best;
}

/** The number of edits: letters added, removed, changed, or swapped with their neighbour (optimal string alignment). */
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
