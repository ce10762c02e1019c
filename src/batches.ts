// Groups items, in their order, into batches that are limited by count and by bytes.

interface BatchLimits {
  items: number;
  bytes: number;
}

/** `bytesOf`: what an item counts for. An item that alone exceeds `bytes` is a batch of its own. */
export function* batchesOf<T>(items: Iterable<T>, limits: BatchLimits, bytesOf: (item: T) => number): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const more = bytesOf(item);
    if (batch.length > 0 && (batch.length >= limits.items || bytes + more > limits.bytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}
