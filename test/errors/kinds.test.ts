// The table of errors is whole: README.md has every kind as the source has it, and a test provokes each.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { allKinds, type ErrorKind } from '../../src/errors/kinds.js';
import { BEGIN, END, errorsPage } from './page.js';

const pathOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** `npm run errors` sets it. */
const IS_UPDATE = process.env['LM_ERRORS'] === 'update';

/** The test that provokes an error of each kind, at its room or from the command line, and asserts its kind. */
const PROVOKED: Record<ErrorKind | 'bug', string> = {
  bug: 'main',

  usage: 'main',
  'command-line': 'completion',
  'unknown-setting': 'errors/provoked',
  'settings-conflict': 'errors/provoked',
  'settings-file': 'errors/provoked',
  'not-trusted': 'errors/provoked',
  'token-file': 'errors/provoked',
  certificate: 'e2e/exit-codes',
  'no-source': 'errors/provoked',
  'source-url': 'source/retry',
  'no-directory': 'errors/provoked',
  'served-root': 'agent/guards',
  'missing-root': 'sides/guard-sides',
  'cassandra-default': 'errors/provoked',
  'state-dir': 'e2e/odd-places',
  'which-migration': 'errors/provoked',
  'which-host': 'errors/provoked',
  'open-listen': 'errors/provoked',
  'cannot-listen': 'agent/guards',
  'output-file': 'e2e/metrics',
  'only-key': 'e2e/selection',
  algorithm: 'errors/provoked',
  'owner-rule': 'errors/provoked',
  'working-directory': 'main',

  source: 'source/source',
  'source-unreachable': 'source/retry',
  'source-busy': 'source/retry',
  'source-stalled': 'source/patience',
  'source-state': 'source/retry',
  'cut-answer': 'source/source',
  'damaged-answer': 'source/source',

  refused: 'e2e/limit',
  'source-empty': 'e2e/guards',
  'max-delete': 'removals/removals',
  'not-adopted': 'e2e/repair',
  'outside-work': 'e2e/outside-work',
  'other-sides': 'e2e/guards',
  'other-mounts': 'e2e/mounts',
  'forbidden-root': 'e2e/guards',
  'roots-differ': 'sides/guard-sides',
  'all-excluded': 'e2e/main-job',
  'unusable-name': 'e2e/sidecar',
  'owner-map': 'e2e/owners',
  'service-runs': 'e2e/guards',
  'source-in-use': 'guards/guard-source',
  'pre-check': 'e2e/guards',
  'backup-dir': 'e2e/backup',
  'transaction-logs': 'e2e/txn-logs',
  'damaged-sstables': 'e2e/sstables',
  'root-lost': 'errors/provoked',
  'nothing-to-verify': 'errors/provoked',
  'no-proof': 'e2e/verify-offline',
  'not-verified': 'commands/lifecycle',
  'changed-since-verified': 'commands/complete',
  'snapshot-served': 'e2e/snapshot',
  'already-complete': 'state/completion',
  'not-complete': 'commands/lifecycle',
  'migration-map': 'errors/provoked',
  'no-manifest': 'e2e/report',

  protocol: 'source/source',
  tls: 'e2e/pinned',
  'access-denied': 'source/source',
  'not-an-agent': 'source/source',
  'other-version': 'source/source',
  'source-pattern': 'patterns/matcher',
  'unsafe-path': 'errors/provoked',

  local: 'e2e/odd-places',
  'no-space': 'e2e/exit-codes',
  memory: 'e2e/odd-places',
  thread: 'errors',
  output: 'main',
  'damaged-record': 'state/journal/journal',
  'not-synced': 'errors/provoked',
  'temporary-dir': 'e2e/odd-places',
  'access-log': 'agent/access-log',
  'root-mode': 'e2e/root-attributes',

  locked: 'state/lock/lock',
  'hung-up': 'signals',
  interrupted: 'signals',
  quit: 'signals',
  terminated: 'signals',
};

/** `kind: 'x'`, a cell of a table whose heads or rows are kinds, the kind before a message, or the last line of stderr, as text or pattern. */
const assertionOf = (kind: string): RegExp =>
  new RegExp(
    [`kind: '${kind}'`, `\\['${kind}', `, `'${kind}',( /|\n)`, `['^]${kind}: `, `error ${kind} \\\\*\\(`].join('|'),
  );

test.each(Object.entries(PROVOKED))('%s is provoked in test/%s.test.ts', (kind, name) => {
  expect(readFileSync(pathOf(`test/${name}.test.ts`), 'utf8')).toMatch(assertionOf(kind));
});

test('every kind has a row here, a name in kebab case, and sentences without an end', () => {
  const kinds = allKinds();
  expect(kinds.map(({ kind }) => kind).sort()).toEqual(Object.keys(PROVOKED).sort());
  for (const { kind, title, kept, next } of kinds) {
    expect(kind).toMatch(/^[a-z]+(-[a-z]+)*$/);
    for (const text of [title, kept, next]) expect(text).toMatch(/^[^\s*<>[\]`#]*[^*<>[\]`#]*[^\s.]$/); // nothing that Markdown would read
  }
});

test('README.md has them as the source has them', () => {
  const readme = readFileSync(pathOf('README.md'), 'utf8');
  const [before, rest] = readme.split(`${BEGIN}\n`);
  const [written, after] = rest!.split(`\n${END}`);
  const page = `\n${errorsPage()}\n`;
  if (IS_UPDATE) writeFileSync(pathOf('README.md'), `${before}${BEGIN}\n${page}\n${END}${after}`);
  else expect(written).toBe(page);
});
