// What the doctor makes of facts that no test can bring about on every machine, its table of codes, and its lines.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { endLine, findingLines } from '../../src/commands/text/doctor-text.js';
import { certificateFinding } from '../../src/doctor/certificates.js';
import { CODES, exitCodeFor, failed, note, ok, warning } from '../../src/doctor/finding.js';
import { forecast, forecastFinding } from '../../src/doctor/forecast.js';
import { capabilitiesIn, type HostFacts, hostFindings, processFindings, selinuxBy } from '../../src/doctor/host.js';
import { clockFinding, versionFinding } from '../../src/doctor/reach.js';
import { LmError } from '../../src/errors.js';
import { version } from '../../src/version.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ALL_CAPABILITIES = 0x1ffffffffffn;

const FACTS: HostFacts = {
  ...{ lm: '0.1.0', node: 'v24.1.0', kernel: '6.1.0', openFiles: 1_048_576, capabilities: ALL_CAPABILITIES },
  ...{ noLibc: undefined, addressSpace: undefined, selinux: undefined },
};

/** `CODE severity` of all that is not all right. */
const troubles = (facts: Partial<HostFacts>, role?: 'source' | 'destination'): string[] =>
  hostFindings({ ...FACTS, ...facts }, role)
    .filter(({ severity }) => severity !== 'ok')
    .map(({ code, severity }) => `${code} ${severity}`);

test('a host without faults is told of, with nothing to do', () => {
  const findings = hostFindings(FACTS, undefined);
  expect(findings.map(({ code }) => code)).toEqual([
    ...['versions', 'system-calls', 'descriptors', 'address-space', 'privileges'],
  ]);
  expect(findings[0]).toEqual(ok('versions', 'lm 0.1.0, Node v24.1.0, kernel 6.1.0'));
  expect(troubles({})).toEqual([]);
});

test('each limit of a host is a finding of its own', () => {
  const addressSpace = new LmError('local', 'not enough memory', { hint: 'ulimit -v unlimited' });
  expect(troubles({ noLibc: 'koffi is not installed' })).toEqual(['system-calls note']);
  expect(troubles({ openFiles: 1023 })).toEqual(['descriptors warning']);
  expect(troubles({ openFiles: 1024 })).toEqual([]);
  expect(troubles({ addressSpace })).toEqual(['address-space error']);
  expect(troubles({ selinux: 'enforcing' })).toEqual(['selinux note']);
  expect(troubles({ selinux: 'permissive' })).toEqual([]);
  expect(selinuxBy('1\n')).toBe('enforcing');
  expect(selinuxBy('0')).toBe('permissive');
  expect(selinuxBy(undefined)).toBeUndefined();
});

test('capabilities count on the host that needs them', () => {
  const missing = (without: bigint, role?: 'source' | 'destination'): string | undefined =>
    hostFindings({ ...FACTS, capabilities: ALL_CAPABILITIES & ~without }, role).find(
      ({ code, severity }) => code === 'privileges' && severity === 'warning',
    )?.says;
  const [chown, override, readSearch, ptrace] = [1n << 0n, 1n << 1n, 1n << 2n, 1n << 19n];
  expect(missing(chown, 'destination')).toBe('missing: CAP_CHOWN');
  expect(missing(chown, 'source')).toBeUndefined();
  expect(missing(readSearch, 'source')).toBeUndefined(); // whoever may override may read
  expect(missing(readSearch | override, 'source')).toBe('missing: CAP_DAC_READ_SEARCH');
  expect(missing(ptrace, 'source')).toBe('missing: CAP_SYS_PTRACE');
  expect(capabilitiesIn('Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n')).toBe(ALL_CAPABILITIES);
  expect(capabilitiesIn(undefined)).toBeUndefined();
  expect(troubles({ capabilities: undefined })).toEqual([]);
});

test('processes that cannot be inspected are named', () => {
  const nothing = { holders: [], uninspected: [], hidden: [], isComplete: true };
  expect(processFindings(nothing)).toMatchObject({ code: 'processes', severity: 'ok' });
  const hidden = { ...nothing, uninspected: [{ pid: 7, command: 'java' }], hidden: ['pid-namespace' as const] };
  expect(processFindings(hidden)).toMatchObject({
    severity: 'warning',
    says: expect.stringMatching(/container; could not look into 1 process: java \(pid 7\)/),
  });
});

describe('certificates', () => {
  const NOW = Date.parse('2026-06-01T00:00:00Z');
  const until = (validTo: string) => ({ validFrom: 'Jan  1 00:00:00 2026 GMT', validTo });
  test.each([
    ['valid', 'Jan  1 00:00:00 2027 GMT', 'ok', undefined],
    ['soon over', 'Jun 10 00:00:00 2026 GMT', 'warning', undefined],
    ['over', 'May 10 00:00:00 2026 GMT', 'error', 'protocol'],
  ])('%s', (_, validTo, severity, exit) => {
    const finding = certificateFinding('it', until(validTo), NOW);
    expect([finding.code, finding.severity, finding.exit]).toEqual(['certificate', severity, exit]);
  });

  test('not valid yet, and pinned, which minds no dates', () => {
    const early = { validFrom: 'Jul  1 00:00:00 2026 GMT', validTo: 'Jul  1 00:00:00 2027 GMT' };
    expect(certificateFinding('it', early, NOW)).toMatchObject({ severity: 'error', says: 'it is not valid yet' });
    expect(certificateFinding('it', until('May 10 00:00:00 2026 GMT'), NOW, true)).toMatchObject({ severity: 'note' });
  });
});

test.each([
  ['Mon, 01 Jun 2026 00:00:10 GMT', 'ok', /^the same/],
  ['Mon, 01 Jun 2026 00:01:00 GMT', 'ok', /50 s ahead/],
  ['Mon, 01 Jun 2026 00:01:30 GMT', 'warning', /80 s ahead/],
  ['Sun, 31 May 2026 23:58:00 GMT', 'warning', /129 s behind/],
  ['yesterday', 'ok', /does not tell/],
])('a clock that says %s is %s', (date, severity, says) => {
  const nowMs = Date.parse('2026-06-01T00:00:10.200Z');
  expect(clockFinding(date, nowMs, nowMs + 300)).toMatchObject({
    ...{ code: 'clock', severity },
    says: expect.stringMatching(says),
  });
});

test('the version of the source is told where it is another', () => {
  expect(versionFinding('lm', version())).toMatchObject({ code: 'source-version', severity: 'ok' });
  expect(versionFinding('lm', '9.9.9')).toMatchObject({ severity: 'note', says: expect.stringContaining('lm 9.9.9') });
  expect(versionFinding('lm', undefined)).toMatchObject({ says: expect.stringContaining('an older one there') });
  expect(versionFinding('sidecar', undefined)).toMatchObject({ says: expect.stringContaining('Sidecar') });
});

describe('the forecast', () => {
  const GIB = 2 ** 30;
  const measured = {
    ...{ fetch: { entries: 10, bytes: 100 * GIB }, all: { entries: 10, bytes: 100 * GIB }, listMs: 1000 },
    ...{ network: GIB, disk: undefined, limit: undefined, finalPass: undefined },
  };
  test.each([
    [{}, 'network', 101_002, undefined],
    [{ disk: GIB / 2 }, 'disk', 201_002, 201_000],
    [{ disk: GIB / 2, limit: GIB / 4 }, 'limit', 401_002, 401_000],
    [{ network: GIB / 4, limit: GIB / 4 }, 'limit', 401_002, 401_000],
    [{ fetch: { entries: 1_000_000, bytes: GIB } }, 'small files', 202_000, undefined],
    [{ fetch: { entries: 1, bytes: 1 } }, 'listing', 1_000, undefined],
    [{ network: undefined }, undefined, undefined, undefined],
  ])('%j: %s', (facts, bottleneck, firstCopyMs, verifyMs) => {
    const reckoned = forecast({ ...measured, ...facts });
    expect(reckoned.bottleneck).toBe(bottleneck);
    if (firstCopyMs === undefined) expect(reckoned.firstCopyMs).toBeUndefined();
    else expect(reckoned.firstCopyMs).toBeCloseTo(firstCopyMs, -1);
    expect(reckoned.verifyMs).toBe(verifyMs);
  });

  test('is a finding with its parts, and says by what it was reckoned', () => {
    const { code, says, details } = forecastFinding(measured, forecast(measured));
    expect([code, says]).toEqual([
      'forecast',
      'the next copy, 10 files, 100.0 GiB: about 1m42s; the bottleneck is the network',
    ]);
    expect(details).toContainEqual(expect.stringMatching(/^downtime: 1\.0 s at least/));
    expect(details).toContainEqual(expect.stringMatching(/^reckoned by 1\.0 GiB\/s from the source/));
  });
});

test('the exit code is that of the worst error, and 0 without one', () => {
  const error = (kind: LmError['kind']) => failed('guards', new LmError(kind, 'x'));
  expect(exitCodeFor([ok('node', 'a'), note('node', 'b'), warning('node', 'c')])).toBe(0);
  expect(exitCodeFor([error('source'), error('locked'), error('refused')])).toBe(6);
  expect(exitCodeFor([error('source'), error('refused'), error('local'), error('protocol')])).toBe(7);
  expect(exitCodeFor([error('source'), error('usage'), error('protocol')])).toBe(2);
  expect(exitCodeFor([error('source')])).toBe(5);
  expect(error('max-delete')).toMatchObject({
    ...{ kind: 'max-delete', exit: 'refused' },
    todo: expect.stringContaining('--dry-run'),
  });
  expect(() => error('interrupted')).toThrow('x'); // a signal is no finding
});

describe('lines for people', () => {
  const LONG = failed(
    'space',
    new LmError('local', 'not enough space for data/0: 70.0 MiB (73400320 bytes) needed, 55.9 MiB (1 byte) free', {
      details: ['data/0 (/var/lib/cassandra/data) needs 70.0 MiB (73400320 bytes) and 2 inodes'],
      hint: 'free some space, or exclude what need not be copied',
    }),
  );

  test('without a terminal a finding is a line, with its details and what to do', () => {
    expect(findingLines(LONG, { verbose: false, width: undefined })).toEqual([
      `error   space: ${LONG.says}`,
      `  ${LONG.details![0]}`,
      `  to do: ${LONG.todo}`,
    ]);
  });

  test('on a terminal of 40 columns no line is wider, and no word is lost', () => {
    const lines = findingLines(LONG, { verbose: false, width: 40 });
    expect(lines.filter(({ length }) => length > 40)).toEqual([]);
    const words = (texts: readonly string[]) => texts.join(' ').split(/\s+/).filter(Boolean);
    expect(words(lines)).toEqual(words(findingLines(LONG, { verbose: false, width: undefined })));
  });

  test('details of what is all right come with --verbose alone', () => {
    const finding = ok('settings', 'two', ['one = 1']);
    expect(findingLines(finding, { verbose: false, width: 80 })).toEqual(['ok      settings: two']);
    expect(findingLines(finding, { verbose: true, width: 80 })).toEqual(['ok      settings: two', '  one = 1']);
  });

  test('the end counts, and names the exit code', () => {
    expect(endLine([LONG, note('node', 'x')], 8, 'local disk')).toBe(
      '1 error, 0 warnings, 1 note: exit code 8, local disk',
    );
    expect(endLine([], 0, 'goal met')).toBe('0 errors, 0 warnings, 0 notes');
  });
});

describe('the table of codes', () => {
  const codes = Object.keys(CODES);

  test('is the one in README, row by row', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| `([a-z-]+)` +\| (.*?) +\| (ok|note|warning|error) +\|$/gm)];
    expect(rows.map(([, code, about, worst]) => [code, about, worst])).toEqual(
      Object.entries(CODES).map(([code, { about, worst }]) => [code, about, worst]),
    );
  });

  test('has no code that no test brings about', () => {
    const tests = ['doctor', 'e2e'].flatMap((room) =>
      readdirSync(join(ROOT, 'test', room))
        .filter((name) => room === 'doctor' || name.startsWith('doctor'))
        .map((name) => readFileSync(join(ROOT, 'test', room, name), 'utf8')),
    );
    const expected = new RegExp(`'(${codes.join('|')})[' ]`, 'g');
    const found = new Set(tests.flatMap((text) => [...text.matchAll(expected)].map(([, code]) => code!)));
    expect(codes.filter((code) => !found.has(code))).toEqual([]);
  });
});
