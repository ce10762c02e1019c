// Checks how a final pass finds out that its source stands still: which processes it finds, how long it waits for them, and what it cannot know.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LmError } from '../../src/errors.js';
import type { Event } from '../../src/events.js';
import type { ListingTotals } from '../../src/files/listing.js';
import { createSourceGuard, type SourceGuardOptions } from '../../src/guards/guard-source.js';
import { createPlanWriter, type Plan } from '../../src/plan/plan.js';
import type { OpenFilesReport } from '../../src/wire/messages.js';
import { fileEntry } from '../support/entries.js';

const java = { pid: 7, command: 'java', path: '/d/x' };
const HOLDS = 'java (pid 7) has /d/x open for writing';

const report = (more: Partial<OpenFilesReport> = {}): OpenFilesReport => ({ writers: [], uninspected: [], ...more });
const WRITTEN = report({ writers: [java] });
const STILL = report({ inspection: { complete: true, hidden: [] } });

/** A guard whose source answers with these reports, the last one again and again. */
function guarded(reports: OpenFilesReport[], more: Partial<SourceGuardOptions> = {}) {
  const events: Event[] = [];
  const asked: boolean[] = [];
  const left = [...reports];
  const guard = createSourceGuard({
    source: {
      url: 'http://source:9043',
      openFiles: async (_, options) => {
        asked.push(options?.check ?? false);
        return left.length > 1 ? left.shift()! : left[0]!;
      },
    },
    cassandra: false,
    allowLiveSource: false,
    waitMs: 60_000,
    pollMs: 1,
    emit: (event) => void events.push(event),
    signal: new AbortController().signal,
    object(error) {
      throw error;
    },
    ...more,
  });
  const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
  return { guard, events, asked, warnings };
}

const refusalOf = (promise: Promise<unknown>): Promise<LmError> =>
  promise.then(
    () => Promise.reject(new Error('nothing was refused')),
    (error: unknown) => (error instanceof LmError ? error : Promise.reject(error)),
  );

describe('a process at work on the source', () => {
  test('found before a listing is reported once; has one downloading pass to end, and is refused before the next listing', async () => {
    const { guard, warnings } = guarded([WRITTEN], { waitMs: 0 });
    await guard.expectNoActivity();
    await guard.warn();
    expect(warnings()).toEqual([`no copy of this source is exact while ${HOLDS}`]);
    const error = await refusalOf(guard.expectNoActivity());
    expect(error).toMatchObject({ code: 'refused', message: `the source is still written to: ${HOLDS}` });
    expect(error.hint).toContain('java (pid 7) no longer has /d/x open for writing'); // the last line there is
    expect(warnings()).toHaveLength(1);
  });

  test('is found in what the source has just told, without another question; what is there later is asked for', async () => {
    const { guard, asked, warnings } = guarded([WRITTEN, STILL]);
    await guard.expectNoActivity(WRITTEN);
    expect(warnings()).toEqual([`no copy of this source is exact while ${HOLDS}`]);
    expect(asked).toHaveLength(0);
    await guard.expectNoActivity(WRITTEN); // waits for it
    expect(asked).toHaveLength(2);
  });

  test('that ends while files are copied is not waited for', async () => {
    const { guard, events } = guarded([WRITTEN, WRITTEN, STILL], { waitMs: 0 });
    await guard.expectNoActivity();
    await guard.warn();
    await guard.expectNoActivity();
    expect(await guard.waitForWriters()).toBe(true);
    await guard.prove();
    expect(events.map(({ type }) => type)).toEqual(['warning']);
  });

  test('that ends while it is waited for: all is listed again, because it may have written', async () => {
    const { guard, events } = guarded([STILL, WRITTEN, WRITTEN, STILL]);
    await guard.expectNoActivity();
    expect(await guard.waitForWriters()).toBe(false);
    expect(await guard.waitForWriters()).toBe(true);
    await guard.prove();
    expect(events).toMatchObject([{ type: 'warning' }, { type: 'waiting', who: 'java (pid 7)' }]);
  });

  test('found before the listing only: all is listed again as well', async () => {
    const { guard } = guarded([WRITTEN, STILL]);
    await guard.expectNoActivity();
    expect(await guard.waitForWriters()).toBe(false);
    expect(await guard.waitForWriters()).toBe(true);
  });

  test('that stays is refused when its time is up', async () => {
    const { guard } = guarded([WRITTEN], { waitMs: 5 });
    await guard.expectNoActivity();
    expect(await guard.waitForWriters()).toBe(true);
    expect(await refusalOf(guard.prove())).toMatchObject({ message: `the source is still written to: ${HOLDS}` });
  });

  test('is waited for no longer once the run is stopped', async () => {
    const controller = new AbortController();
    const { guard } = guarded([WRITTEN], {
      signal: controller.signal,
      emit: ({ type }) => type === 'waiting' && controller.abort(new LmError('interrupted', 'interrupted')),
    });
    expect(await refusalOf(guard.waitForWriters())).toMatchObject({ code: 'interrupted' });
  });

  test('is reported, and neither waited for nor refused, with --allow-live-source', async () => {
    const { guard, asked, warnings } = guarded([WRITTEN], { allowLiveSource: true });
    await guard.expectNoActivity();
    await guard.warn();
    expect(await guard.waitForWriters()).toBe(true);
    await guard.refuseIfWrittenTo();
    expect(asked).toEqual([]);
    await guard.prove();
    expect(warnings()).toEqual([`this copy need not be exact: the source is still written to: ${HOLDS}`]);
  });

  test('that listens where the service would is found as well', async () => {
    const listener = { address: '127.0.0.2', port: 9042, name: 'native_transport_port', why: 'named' };
    const listeners = [
      { ...listener, process: { pid: 8, command: 'ja\nva' } },
      listener,
      { ...listener, why: 'later' },
    ];
    const { guard } = guarded([{ ...STILL, ports: { guarded: 1, listeners } }], { waitMs: 0 });
    const error = await refusalOf(guard.prove());
    expect(error).toMatchObject({
      kind: 'source-in-use',
      message: 'the service at the source seems to run: ja\\nva (pid 8) listens on 127.0.0.2:9042',
      details: [
        'ja\\nva (pid 8) listens on 127.0.0.2:9042: that is the address of native_transport_port',
        'something listens on 127.0.0.2:9042: that is the address of native_transport_port',
        'something listens on 127.0.0.2:9042: that may be native_transport_port',
      ],
      hint: expect.stringContaining('ja\\nva (pid 8) no longer listens on 127.0.0.2:9042'),
    });
  });

  test('that listens is named beside however many that write, as a database server has many processes', async () => {
    const writers = Array.from({ length: 30 }, (_, i) => ({ pid: 100 + i, command: 'postgres', path: '/d/x' }));
    const listener = { address: '127.0.0.2', port: 5432, name: '--guard-port', why: 'named' };
    const { guard } = guarded([{ ...report({ writers }), ports: { guarded: 1, listeners: [listener] } }], {
      waitMs: 0,
    });
    const { message, details } = await refusalOf(guard.prove());
    expect(message).toBe('the source is still written to: postgres (pid 100) has /d/x open for writing');
    expect(details).toHaveLength(10);
    expect(details!.at(-1)).toBe('something listens on 127.0.0.2:5432: that is the address of --guard-port');
  });
});

describe('what cannot be known', () => {
  const blind = (more: Partial<OpenFilesReport> = {}): OpenFilesReport =>
    report({
      inspection: { complete: false, hidden: ['pid-namespace'] },
      ports: { guarded: 0, listeners: [] },
      ...more,
    });
  const check = { command: 'true', succeeded: true, end: 'exit code 0', lines: [] };
  const uninspected = [{ pid: 9, command: 'java' }];

  test.each<[what: string, report: OpenFilesReport, cassandra: boolean, result: 'refused' | 'warned' | 'nothing']>([
    ['a namespace', blind(), false, 'warned'],
    ['a namespace', blind(), true, 'refused'],
    ['a namespace, with a port', blind({ ports: { guarded: 1, listeners: [] } }), true, 'warned'],
    ['a namespace, with a check', blind({ check }), true, 'warned'],
    ['another user', blind({ inspection: { complete: false, hidden: [] }, uninspected }), true, 'refused'],
    ['another user', blind({ inspection: { complete: false, hidden: [] }, uninspected }), false, 'warned'],
    [
      'a process that keeps no files',
      blind({ inspection: { complete: true, hidden: [] }, uninspected }),
      true,
      'warned',
    ],
    ['what a later agent calls so', blind({ inspection: { complete: false, hidden: ['veil'] } }), true, 'refused'],
    ['another user, by an older agent', report({ uninspected }), true, 'warned'],
    ['nothing', STILL, true, 'nothing'],
  ])('%s (%j), cassandra %j: %s', async (_, seen, cassandra, result) => {
    const { guard, warnings } = guarded([seen], { cassandra });
    if (result === 'refused') {
      const error = await refusalOf(guard.prove());
      expect(error.message).toMatch(/^cannot tell whether the service at the source is stopped: could not look into /);
      expect(error.hint).toMatch(/lm serve .*--guard-port.*--at-rest-check.*--allow-live-source/);
      const live = guarded([seen], { cassandra, allowLiveSource: true });
      await live.guard.prove();
      expect(live.warnings()).toEqual([`this copy need not be exact: ${error.message}`]);
    } else {
      await guard.prove();
      expect(warnings()).toEqual(
        result === 'nothing'
          ? []
          : [expect.stringMatching(/^could not look into .* at the source: .*need not be exact$/)],
      );
    }
  });

  test('the check at the source decides; it is run for the proof alone', async () => {
    const failed = { command: './at-rest', succeeded: false, end: 'exit code 3', lines: ['cassandra', 'is up\u001b'] };
    const { guard, asked } = guarded([{ ...STILL, check: failed }]);
    await guard.expectNoActivity();
    await guard.waitForWriters();
    expect(asked).toEqual([false, false]);
    expect(await refusalOf(guard.prove())).toMatchObject({
      message: 'the source is not at rest: its --at-rest-check ended with exit code 3: ./at-rest',
      details: ['cassandra', 'is up\\u{1b}'],
      hint: expect.stringContaining('--allow-live-source'),
    });
    expect(asked.at(-1)).toBe(true);
  });
});

describe('when the passes are used up', () => {
  let spool: string;
  beforeEach(() => {
    spool = mkdtempSync(join(tmpdir(), 'lm-source-guard-'));
  });
  afterEach(() => rmSync(spool, { recursive: true }));

  /** A plan that fetches these, `[size, mtimeNs]` each. */
  function planned(files: Record<string, [size: number, mtimeNs: number]>): Plan {
    const writer = createPlanWriter(spool, { dryRun: false, bytesOfPart: () => undefined });
    for (const [name, [size, mtimeNs]] of Object.entries(files)) {
      writer.fetch('data/0', fileEntry(name, { size: `${size}`, mtimeNs: `${mtimeNs}` }), 'new');
    }
    writer.checks();
    return writer.finish({} as Plan['counts']);
  }
  const ended = (...first: string[]) =>
    ({ touched: { files: first.length, agoMs: 2_000, first, written: [] } }) as unknown as ListingTotals;

  test.each<[what: string, listings: [ListingTotals, Parameters<typeof planned>[0]][], named: string | undefined]>([
    [
      'nothing changed',
      [
        [ended(), { a: [1, 1] }],
        [ended(), { a: [1, 1] }],
      ],
      undefined,
    ],
    [
      'a file was young in the first listing only',
      [
        [ended('data/0/a'), {}],
        [ended(), {}],
      ],
      undefined,
    ],
    ['a file was young in the only listing', [[ended('data/0/a'), {}]], undefined],
    [
      'a file is touched again',
      [
        [ended(), {}],
        [ended('data/0/a'), {}],
      ],
      'data/0/a',
    ],
    [
      'a file grew',
      [
        [ended(), { a: [1, 1] }],
        [ended(), { a: [2, 1] }],
      ],
      'data/0/a',
    ],
    [
      'a big file was rewritten',
      [
        [ended(), { b: [2e7, 1] }],
        [ended(), { b: [2e7, 2] }],
      ],
      'data/0/b',
    ],
    [
      'one file after another is fetched',
      [
        [ended(), { a: [1, 1] }],
        [ended(), { b: [1, 1] }],
      ],
      undefined,
    ],
    [
      'a file came to rest',
      [
        [ended(), { a: [1, 1] }],
        [ended(), { a: [2, 2] }],
        [ended(), { a: [2, 2] }],
      ],
      undefined,
    ],
  ])('%s', async (_, listings, named) => {
    const { guard } = guarded([STILL]);
    for (const [end, files] of listings) guard.noteListing(end, planned(files));
    if (named === undefined) return guard.refuseIfWrittenTo();
    const error = await refusalOf(guard.refuseIfWrittenTo());
    expect(error.message).toBe(`the source is still written to: ${named} keeps changing`);
    expect(error.hint).toContain(named);
  });

  test('a process that writes is named first', async () => {
    const { guard } = guarded([WRITTEN]);
    expect(await refusalOf(guard.refuseIfWrittenTo())).toMatchObject({ message: expect.stringContaining(HOLDS) });
  });
});
