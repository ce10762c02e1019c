import { expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import type { ListedBlock, WalkedBlock } from '../../src/files/listing.js';
import { countListing } from '../../src/source/listing-count.js';

test('emits once a second how many entries have come, parsed or found the same', async () => {
  let nowMs = 0;
  const events: Event[] = [];
  const count = countListing(
    (event) => events.push(event),
    () => nowMs,
  );
  const entries = ['a', 'b', 'c'].map((name) => ({ name }));
  const listed = { block: () => ({ dir: 'data/0', entries }), takeIfSame: () => true } as unknown as ListedBlock;
  const walked = { sum: { dir: 'data/0', entries: 3 } } as WalkedBlock;
  const each = async function* <T>(item: T) {
    for (let i = 0; i < 5; i++) yield item;
  };
  const source = count.source(each(listed));
  const local = count.local(each(walked));
  for (let i = 0; i < 5; i++) {
    const { value: block } = await source.next();
    await local.next();
    if (i % 2 === 0) block!.block();
    else expect(block!.takeIfSame!(walked, false)).toBe(true);
    nowMs += 600;
  }
  expect(events).toEqual([
    { type: 'listing', source: 6, destination: 9 },
    { type: 'listing', source: 12, destination: 15 },
  ]);
});
