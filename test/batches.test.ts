import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { batchesOf } from '../src/batches.js';

test('law: batches hold every item once, in order, and stay within their limits unless one item alone is larger', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 100 }));
  const limits = fc.record({ items: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 0, max: 150 }) });
  fc.assert(
    fc.property(sizes, limits, (items, limit) => {
      const batches = [...batchesOf(items, limit, (size) => size)];
      expect(batches.flat()).toEqual(items);
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(limit.items);
        const bytes = batch.reduce((sum, size) => sum + size, 0);
        if (batch.length > 1) expect(bytes).toBeLessThanOrEqual(limit.bytes);
      }
    }),
    { seed: 3 },
  );
});
