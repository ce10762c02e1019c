import { describe, expect, test } from '@jest/globals';
import type { EvidenceDocument } from '../../src/evidence/document.js';
import { htmlPage } from '../../src/evidence/page/page.js';
import type { RunEvidence } from '../../src/state/evidence/runs.js';
import { aPass } from './a-pass.js';

const NOTHING: EvidenceDocument = {
  instance: 'one',
  role: 'destination',
  roots: [{ key: 'data/0', path: '/srv' }],
  file: '/state/one/evidence.jsonl',
  earlier: [],
  runs: [],
  refusals: [],
  waivers: [],
  missing: { damagedLines: 0, series: 0, records: 0, runsWithoutEnd: 0 },
};

const EVIL = `</style><script>alert(1)</script>"'&<img src=x onerror=alert(1)>\n\u202e`;

/** Every text in it is hostile. */
function hostile(): EvidenceDocument {
  const share = { entries: 1, bytes: 10 };
  const none = { entries: 0, bytes: 0 };
  const root = { key: EVIL, total: share, matching: none, left: none, firstMissing: [EVIL], firstLeft: [EVIL] };
  const check = { command: EVIL, exitCode: null, signal: EVIL, elapsedMs: 1, lastLines: [EVIL] };
  const host = {
    role: 'destination',
    name: EVIL,
    machine: EVIL,
    system: EVIL,
    node: EVIL,
    lm: EVIL,
    roots: [],
  } as const;
  const run: RunEvidence = {
    ...{ run: EVIL, command: 'copy', beganAtMs: 0, endedAtMs: 5, exitCode: 6, message: EVIL, moreWarnings: 1 },
    host: { ...host, roots: [] },
    settings: [{ name: EVIL, value: [EVIL], source: EVIL, where: EVIL }],
    passes: [
      {
        beganAtMs: 0,
        endedAtMs: 5,
        times: { listMs: 2 },
        series: [
          [1, 5],
          [2, 10],
        ],
        pass: aPass({ matchRatio: 0.5, roots: [root] }),
      },
    ],
    removals: [{ iteration: 0, entries: 12, bytes: 3, first: [EVIL] }],
    checks: [{ which: 'post-check', iteration: 0, atMs: 4, check }],
    limits: [{ atMs: 2, by: 'operator', text: EVIL, bytesPerSecond: 1 << 20 }],
    warnings: [{ atMs: 3, text: EVIL, details: [EVIL] }],
    verification: {
      ...{ beganAtMs: 0, endedAtMs: 5, bytesCompared: 10, series: [] },
      report: { state: EVIL, digestAlgorithm: EVIL, filesMatched: 1, without: [EVIL] } as never,
      firstDifferences: [{ key: EVIL, reason: 'digest' }],
    },
  };
  return {
    ...NOTHING,
    ...{ instance: EVIL, roots: [{ key: EVIL, path: EVIL }], file: EVIL, earlier: [EVIL], runs: [run] },
    host: { ...host, roots: [] },
    source: { url: EVIL, agentId: EVIL, machine: EVIL },
    refusals: [{ run: EVIL, atMs: 1, command: 'copy', message: EVIL, details: [EVIL], hint: EVIL }],
    waivers: [{ atMs: 1, command: 'copy', what: EVIL, where: EVIL }],
    completed: { atMs: 4, waived: [EVIL] },
    manifest: { algorithm: EVIL, files: 1, run: EVIL, atMs: 1, outdated: true },
    downtime: { beganAtMs: 0, endedAtMs: 5, totalMs: 5, parts: [{ name: 'list', ms: 5 }] },
  };
}

describe('the page', () => {
  test('lets no text become anything but text', () => {
    const page = htmlPage(hostile(), 0);
    const body = page.slice(page.indexOf('<body>'));
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    expect(page).not.toContain('\u202e');
    expect(body).not.toMatch(/<(script|img|style|iframe|link)\b/i);
    for (const [tag] of body.matchAll(/<[a-z][^>]*>/gi))
      expect(tag.replace(/"[^"]*"/g, '')).not.toMatch(/\son[a-z]+=|alert/i);
    expect(body.match(/&lt;script&gt;alert\(1\)/g)!.length).toBeGreaterThan(30);
  });

  test.each([
    ['nothing', NOTHING],
    ['everything', hostile()],
  ] as const)('of %s asks for nothing beside itself', (_, document) => {
    const page = htmlPage(document, 0);
    expect(page).not.toMatch(/\b(?:src|srcset|action|data)="/);
    expect([...page.matchAll(/\bhref="([^"]*)"/g)].map(([, to]) => to)).toEqual(['data:,']);
    expect(page).not.toMatch(/url\(|@import|@font-face/);
    expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
    expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/);
  });

  test('counts one as one', () => {
    expect(htmlPage(hostile(), 0)).toContain('in 1 pass of 1 copy<');
  });

  test('tells what limit held from when on, and who changed it', () => {
    const [run] = hostile().runs;
    const limits = [
      { atMs: 0, by: 'clock', text: '08:00-18:00=1MiB/s, else off, zone UTC', bytesPerSecond: 1 << 20 },
      { atMs: 60_000, by: 'operator', text: 'off', bytesPerSecond: null },
    ] as const;
    const page = htmlPage({ ...NOTHING, runs: [{ ...run!, limits: [...limits] }] }, 0);
    const text = page.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
    expect(text).toMatch(/ 00:00:00\S* lm copy 1\.0 MiB\/s by its timetable 08:00-18:00=1MiB\/s, else off, zone UTC /);
    expect(text).toMatch(/ 00:01:00\S* lm copy none by lm limit off /);
    expect(htmlPage(NOTHING, 0)).not.toContain('>Limits<');
  });

  test('tells of evidence that is not whole', () => {
    const page = htmlPage({ ...NOTHING, missing: { damagedLines: 1, series: 2, records: 3, runsWithoutEnd: 4 } }, 0);
    for (const said of [
      'not told of here: 1',
      'without samples, as the file grew too long: 2',
      'records left out, as the file grew too long: 3',
      'still going on): 4',
    ])
      expect(page).toContain(said);
  });
});
