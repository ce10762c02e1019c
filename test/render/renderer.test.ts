import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { createRenderer, type RendererOptions } from '../../src/render/create-renderer.js';
import { copyReport, iteration, verifyReport } from './samples.js';

/** A stream that keeps what it was given. `columns` makes it a terminal. */
class Screen extends PassThrough {
  isTTY: boolean;
  columns: number | undefined;
  constructor(columns?: number) {
    super();
    this.isTTY = columns !== undefined;
    this.columns = columns;
  }
  get shown(): string {
    return String(this.read() ?? '');
  }
}

const START = Date.parse('2026-01-02T03:04:05.006Z');

function renderer(options: Partial<RendererOptions> = {}, columns?: number) {
  const stdout = new Screen(columns);
  const stderr = new Screen(columns);
  const made = createRenderer({
    json: false,
    quiet: false,
    verbose: false,
    color: 'auto',
    stdout,
    stderr,
    env: {},
    ...options,
  });
  return { ...made, stdout, stderr };
}

const moving = (bytesDone: number): Event => ({
  type: 'progress',
  iteration: 0,
  doing: 'download',
  bytesDone,
  bytesTotal: 1_000_000,
  filesDone: 1,
  filesTotal: 4,
});

const ended: Event = { type: 'copy-ended', report: copyReport(), exitCode: 0, message: 'the same on both sides' };
const passed: Event = { type: 'iteration-ended', iteration: iteration({ state: 'DOWNLOAD_COMPLETE' }) };

beforeEach(() => void jest.useFakeTimers({ now: START }));
afterEach(() => void jest.useRealTimers());

/** A run of `seconds`, with progress twice a second. */
function run(emit: (event: Event) => void, seconds: number): void {
  emit({ type: 'phase', iteration: 0, state: 'DOWNLOADING' });
  for (let tick = 0; tick <= seconds * 2; tick++) {
    emit(moving(tick * 1_000));
    jest.advanceTimersByTime(500);
  }
}

describe('in a log', () => {
  test('progress is one plain line every five seconds, without carriage returns', () => {
    const { emit, close, stdout } = renderer();
    run(emit, 12);
    emit(passed);
    close();
    const shown = stdout.shown;
    expect(shown).not.toMatch(/[\r\u001b]/);
    expect(shown.match(/^iteration 0: \d+%, .*ETA/gm)).toHaveLength(2);
  });

  test('no progress is said of what has ended while a post-check runs', () => {
    const { emit, close, stdout } = renderer();
    run(emit, 6);
    emit({ type: 'post-check-began', command: 'sstable\nverify' });
    expect(stdout.shown).toContain('running the post-check: sstable\\nverify');
    jest.advanceTimersByTime(20_000);
    expect(stdout.shown).toBe('');
    close();
  });

  test('a listing is counted until it is complete', () => {
    const { emit, close, stdout } = renderer();
    emit({ type: 'phase', iteration: 0, state: 'LISTING' });
    emit({ type: 'listing', source: 1_200_000, destination: 3 });
    jest.advanceTimersByTime(5_000);
    const about = { entries: 1_300_000, bytes: 1, excluded: 0, firstExcluded: [], elapsedMs: 1 };
    emit({ type: 'listed', side: 'source', ...about });
    jest.advanceTimersByTime(60_000);
    close();
    expect(stdout.shown.match(/^listing: .*$/gm)).toEqual(['listing: 1200000 entries at the source, 3 here']);
  });

  test('a stalled run keeps printing lines', () => {
    const { emit, close, stdout } = renderer();
    run(emit, 1);
    jest.advanceTimersByTime(60_000);
    close();
    expect(stdout.shown).toMatch(/stalled\n$/);
  });

  test('after the run nothing more is printed', () => {
    const { emit, close, stdout } = renderer();
    run(emit, 1);
    emit(ended);
    close();
    expect(stdout.shown).not.toBe('');
    jest.advanceTimersByTime(60_000);
    expect(stdout.shown).toBe('');
  });

  test('--quiet leaves the result', () => {
    const { emit, close, stdout } = renderer({ quiet: true });
    run(emit, 12);
    emit(passed);
    emit(ended);
    close();
    expect(stdout.shown.split('\n')[0]).toBe('copy: the same on both sides');
  });
});

describe('on a terminal', () => {
  /** What a terminal shows on its last line: the text after the last carriage return. */
  const frames = (shown: string) => shown.split('\u001b[1G').map((frame) => frame.replace(/\u001b\[\d*K.*/s, ''));

  test('the bar fits 40 columns, and follows a resize', () => {
    const { emit, close, stdout } = renderer({}, 40);
    run(emit, 2);
    const narrow = stdout.shown;
    expect(narrow).toContain('%');
    for (const frame of frames(narrow).slice(1)) expect(frame.length).toBeLessThan(40);
    stdout.columns = 100;
    emit(moving(20_000));
    jest.advanceTimersByTime(1_000);
    expect(frames(stdout.shown).some((frame) => /^ \d% \[.*of.*files, ETA/.test(frame))).toBe(true);
    close();
  });

  test('a line is printed above the bar, which is erased first and drawn again', () => {
    const { emit, close, stdout, stderr } = renderer({ color: 'never' }, 80);
    run(emit, 1);
    stdout.shown;
    emit({ type: 'warning', text: 'clock skew' });
    expect(stdout.shown).toMatch(/\u001b\[1G\u001b\[2K$/);
    expect(stderr.shown).toBe('warning: clock skew\n');
    emit(moving(5_000));
    expect(stdout.shown).toContain('%');
    close();
    expect(stdout.shown).toMatch(/\u001b\[1G\u001b\[2K$/);
  });

  test('it never reads 100 % or 0 s', () => {
    const { emit, close, stdout } = renderer({}, 80);
    emit(moving(0));
    jest.advanceTimersByTime(60_000);
    emit(moving(999_999));
    jest.advanceTimersByTime(1_000);
    emit(moving(1_000_000));
    jest.advanceTimersByTime(1_000);
    const shown = stdout.shown;
    close();
    expect(shown).toMatch(/99%/);
    expect(shown).not.toMatch(/100%|ETA 0s/);
  });

  test('its modes are not changed: wrapping stays on, the cursor visible', () => {
    const { emit, close, stdout } = renderer({}, 80);
    run(emit, 1);
    close();
    expect(stdout.shown).not.toMatch(/\u001b\[\?/);
  });

  test('TERM=dumb gets lines', () => {
    const { emit, close, stdout } = renderer({ env: { TERM: 'dumb' } }, 80);
    run(emit, 12);
    close();
    expect(stdout.shown).not.toMatch(/[\r\u001b]/);
  });
});

describe('colour', () => {
  test.each([
    ['a terminal', { color: 'auto', env: {} }, 80, true],
    ['no terminal', { color: 'auto', env: {} }, undefined, false],
    ['NO_COLOR', { color: 'auto', env: { NO_COLOR: '1' } }, 80, false],
    ['NO_COLOR set to nothing', { color: 'auto', env: { NO_COLOR: '' } }, 80, true],
    ['TERM=dumb', { color: 'auto', env: { TERM: 'dumb' } }, 80, false],
    ['--color never', { color: 'never', env: {} }, 80, false],
    ['--color always', { color: 'always', env: { NO_COLOR: '1' } }, undefined, true],
  ] as const)('%s', (_, options, columns, coloured) => {
    const { emit, close, stdout, stderr } = renderer(options, columns);
    emit(ended);
    emit({ type: 'warning', text: 'clock skew' });
    close();
    expect(/\u001b\[32m/.test(stdout.shown)).toBe(coloured);
    expect(/\u001b\[33m/.test(stderr.shown)).toBe(coloured);
  });
});

test('no message moves the cursor', () => {
  const { emit, stderr } = renderer();
  emit({ type: 'warning', text: 'the source said: \u001b[2Jgone\nwarning: forged' });
  expect(stderr.shown).toBe('warning: the source said:  [2Jgone warning: forged\n');
});

describe('--json', () => {
  test('a name with control characters is escaped', () => {
    const { emit, stdout } = renderer({ json: true });
    emit({ type: 'warning', text: 'a\u009b31m' });
    const shown = stdout.shown;
    expect([shown.includes('\u009b'), JSON.parse(shown).text]).toEqual([false, 'a\u009b31m']);
  });

  const parsed = (stdout: Screen) =>
    stdout.shown
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));

  const everything: Event[] = [
    { type: 'run-started', run: 'r1', command: 'copy', source: 'http://s', roots: [{ key: 'data/0', path: '/d' }] },
    { type: 'phase', iteration: 0, state: 'CLEANING' },
    { type: 'item', action: 'copy', key: 'data/0/a\nb', bytes: 1, reason: 'new', dryRun: true },
    moving(1),
    { type: 'warning', text: 'clock skew', hint: 'set the clock' },
    { type: 'file-problem', key: 'data/0/a', result: 'failed', message: 'EIO' },
    { type: 'difference', difference: { key: 'data/0/a', reason: 'digest', source: 'x', destination: 'y' } },
    passed,
    ended,
  ];

  test('every line is an object with schema, type, ts and run, and the last is the summary', () => {
    const { emit, close, stdout } = renderer({ json: true });
    everything.forEach(emit);
    close();
    const lines = parsed(stdout);
    expect(lines.map((line) => line.type)).toEqual([...everything.slice(0, -1).map((event) => event.type), 'summary']);
    for (const line of lines) expect(line).toMatchObject({ schema: 1, ts: '2026-01-02T03:04:05.006Z', run: 'r1' });
    expect(lines[7]).toMatchObject({ state: 'DOWNLOAD_COMPLETE', totalSize: 1_048_576 });
    expect(lines.at(-1)).toMatchObject({ command: 'copy', exitCode: 0, result: 'ok', next: 'lm verify' });
    expect(lines.at(-1).report).toEqual(copyReport());
  });

  test('problems are printed on stderr as well', () => {
    const { emit, stderr } = renderer({ json: true });
    everything.forEach(emit);
    expect(stderr.shown).toBe('warning: clock skew\nhint: set the clock\nfailed  data/0/a: EIO\n');
  });

  test('without the end of a run there is no summary: main prints the error', () => {
    const { emit, close, stdout } = renderer({ json: true });
    emit(passed);
    close();
    expect(parsed(stdout).map((line) => line.type)).toEqual(['iteration-ended']);
  });

  test('closed twice, it prints one summary', () => {
    const { emit, close, stdout } = renderer({ json: true });
    emit(ended);
    close();
    close();
    expect(parsed(stdout).map((line) => line.type)).toEqual(['summary']);
  });

  test('an answer becomes the summary, other types are lines of their own', () => {
    const { print, close, stdout } = renderer({ json: true });
    print('listening', { url: 'http://127.0.0.1:1' }, ['listening on http://127.0.0.1:1']);
    print('summary', { state: 'COMPLETED', endTime: 12n }, ['complete']);
    close();
    expect(parsed(stdout)).toMatchObject([
      { type: 'listening', url: 'http://127.0.0.1:1' },
      { type: 'summary', exitCode: 0, state: 'COMPLETED', endTime: '12' },
    ]);
  });

  test('progress comes once a second, or not at all', () => {
    const loud = renderer({ json: true });
    run(loud.emit, 10);
    expect(parsed(loud.stdout).filter((line) => line.type === 'progress')).toHaveLength(11);
    const quiet = renderer({ json: true, quiet: true });
    run(quiet.emit, 10);
    expect(parsed(quiet.stdout)).toEqual([]);
  });

  test('a verification ends with its counters', () => {
    const { emit, close, stdout } = renderer({ json: true });
    emit({ type: 'verify-ended', report: verifyReport({ filesMatched: 7 }), exitCode: 0, message: 'm' });
    close();
    expect(parsed(stdout).at(-1)).toMatchObject({ type: 'summary', command: 'verify', report: { filesMatched: 7 } });
  });
});

describe('a reader that has gone', () => {
  let attempts: number;
  const failing = (code: string) => {
    attempts = 0;
    const write = (_chunk: unknown, _encoding: unknown, done: (error: Error) => void) => {
      attempts++;
      done(Object.assign(new Error(`write ${code}`), { code }));
    };
    // Like a pipe, it stays a stream: not destroyed by its first error.
    return new Writable({ autoDestroy: false, write });
  };

  test.each([
    ['EPIPE', false],
    ['EPIPE', true],
    ['ENOSPC', false],
  ])('%s stops the output, but not the run (json %s)', async (code, json) => {
    jest.useRealTimers();
    const stdout = failing(code);
    const { emit, close } = renderer({ json, stdout });
    for (let i = 0; i < 3; i++) {
      emit(passed);
      await new Promise((resolve) => setImmediate(resolve));
    }
    emit(ended);
    close();
    expect(attempts).toBe(1);
  });
});
