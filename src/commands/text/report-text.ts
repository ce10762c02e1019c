// Formats the evidence of a migration for people: a page of lines, of which each fact has one.

import { formatBytes, formatCount, formatEntries, formatShare, formatSpan } from '../../amounts.js';
import { checkerOf } from '../../digest/manifest-line.js';
import { printable } from '../../errors.js';
import type { EvidenceDocument } from '../../evidence/document.js';
import { LIMITED_BY, lastShortPass, passesIn, passName, standingOf } from '../../evidence/figures.js';
import { totalMs } from '../../forecast/forecast.js';
import { columns } from '../../render/columns.js';
import { downtimeRows, spansText } from '../../render/rows/downtime.js';
import { outcomeRows } from '../../render/rows/forecast.js';
import { namesOf } from '../../render/rows/left-out.js';
import { proofsRows } from '../../render/rows/proofs.js';
import { repairRows } from '../../render/rows/repairs.js';
import { checkText } from '../../render/summary.js';
import { PASS_PARTS } from '../../state/evidence/downtime.js';
import type { RunEvidence } from '../../state/evidence/runs.js';
import { rootsText } from '../../state/instance.js';

const dateOf = (ms: number): string => new Date(ms).toISOString();

export function reportText(document: EvidenceDocument): string[] {
  const { instance, role, roots, source, host, runs, earlier, file } = document;
  const agent = source?.agentId ? ` (agent ${source.agentId}, machine ${source.machine})` : '';
  return [
    `${printable(instance)}: ${standingOf(document).text}`,
    ...columns(
      [
        [role, rootsText(roots)],
        ...(source ? [['source', `${printable(source.url)}${agent}`]] : []),
        ...(host
          ? [
              [
                'host',
                `${printable(host.name)} (machine ${host.machine}), ${host.system}, Node ${host.node}, lm ${host.lm}`,
              ],
            ]
          : []),
        ...missingRows(document),
        ...runs.map((run) => [`lm ${run.command}`, runText(run)]),
        ...passesIn(document).map((one) => [`pass ${passName(one)}`, passText(one)]),
        ...heldRows(document),
        ...runs.flatMap((run) => run.removals.map((removal) => ['removed', removalText(removal)])),
        ...document.refusals.map(({ atMs, command, message }) => [
          'refused',
          `${dateOf(atMs)}, lm ${command}: ${printable(message)}`,
        ]),
        ...document.waivers.map(({ atMs, command, what }) => [
          'waived',
          `${dateOf(atMs)}, lm ${command}: ${printable(what)}`,
        ]),
        ...runs.flatMap(({ command, limits }) =>
          limits.map(({ atMs, by, text }) => [
            'limit',
            `${dateOf(atMs)}, lm ${command}, ${LIMITED_BY[by]}: ${printable(text)}`,
          ]),
        ),
        ...checkRows(runs),
        ...runs.flatMap(verificationRows),
        ...downtimeRows(document.downtime),
        ...outcomeRows(document.downtime?.forecast),
        ...manifestRows(document),
        ...earlier.map((name) => ['earlier', printable(name)]),
        ['file', printable(file)],
      ],
      { indent: '  ' },
    ),
    'next: lm report --html FILE, for plots and all details',
  ];
}

/** After `--html` and `--manifest`. */
export function writtenText(document: EvidenceDocument, written: { html?: string; manifest?: string }): string[] {
  const { html, manifest: path } = written;
  const { manifest } = document;
  return [
    ...(html === undefined ? [] : [`report of ${printable(document.instance)}: ${printable(html)}`]),
    ...(path === undefined || !manifest
      ? []
      : [
          `manifest of ${formatCount(manifest.files, 'file')} by ${manifest.algorithm}: ${printable(path)}`,
          `next: ${checkerOf(manifest.algorithm)} ${printable(path)}`,
        ]),
  ];
}

function runText({ beganAtMs, endedAtMs, exitCode, message }: RunEvidence): string {
  if (endedAtMs === undefined) return `${dateOf(beganAtMs)}, no end is recorded`;
  return `${dateOf(beganAtMs)}, ${formatSpan(endedAtMs - beganAtMs)}, exit code ${exitCode}: ${printable(message ?? '')}`;
}

function passText({ pass, times }: ReturnType<typeof passesIn>[number]): string {
  const took = spansText(PASS_PARTS.map(([field, name]) => ({ name, ms: times[field] ?? 0 })));
  const matching = pass.totalSize < 0 ? 'no plan' : `${formatShare(pass.matchRatio)} matching`;
  return `${pass.state}, ${matching}, ${formatBytes(pass.bytesReceived)} received; ${took}${forecastText(pass)}`;
}

/** `; flat, 4m10s of downtime` */
function forecastText({ forecast }: ReturnType<typeof passesIn>[number]['pass']): string {
  if (!forecast) return '';
  const { change } = forecast;
  return `;${change ? ` ${change.trend},` : ''} ${formatSpan(totalMs(forecast))} of downtime forecast`;
}

/** Root by root, in the last pass at whose beginning something was missing. */
function heldRows(document: EvidenceDocument): string[][] {
  const short = lastShortPass(document);
  return (short?.pass.roots ?? []).flatMap(({ key, total, matching, left, firstMissing }) => {
    const bytes = total.bytes - matching.bytes - left.bytes;
    if (bytes <= 0) return [];
    const entries = total.entries - matching.entries - left.entries;
    return [
      [`missing ${passName(short!)}`, `${formatBytes(bytes)} of ${key}: ${namesOf({ entries, first: firstMissing })}`],
    ];
  });
}

const removalText = ({ entries, bytes, first }: RunEvidence['removals'][number]): string =>
  `${formatEntries(entries)}, ${formatBytes(bytes)}: ${namesOf({ entries, first })}`;

/** A line for all pre-checks that succeeded: there is one before each pass and each removal. */
function checkRows(runs: readonly RunEvidence[]): string[][] {
  const all = runs.flatMap(({ checks }) => checks);
  const isQuiet = ({ which, check }: (typeof all)[number]): boolean => which === 'pre-check' && check.exitCode === 0;
  const quiet = all.filter(isQuiet).length;
  return [
    ...(quiet > 0 ? [['pre-check', `succeeded ${formatCount(quiet, 'time')}`]] : []),
    ...all
      .filter((one) => !isQuiet(one))
      .map(({ which, atMs, check }) => [which, `${dateOf(atMs)}, ${checkText(check)}`]),
  ];
}

function verificationRows({ verification }: RunEvidence): string[][] {
  if (!verification) return [];
  const { report, bytesCompared, beganAtMs, endedAtMs } = verification;
  const { digestAlgorithm, state, filesMatched, live } = report;
  const text = `${dateOf(beganAtMs)}, ${state} by ${digestAlgorithm}, ${formatCount(filesMatched, 'file')} equal, ${formatBytes(bytesCompared)} compared in ${formatSpan(endedAtMs - beganAtMs)}${live ? ', of a live source' : ''}`;
  return [['verified', text], ...repairRows(report), ...proofsRows(report)];
}

function manifestRows({ manifest }: EvidenceDocument): string[][] {
  if (!manifest) return [];
  const { files, algorithm, outdated } = manifest;
  return [['manifest', `${formatCount(files, 'file')} by ${algorithm}${outdated ? ', outdated by a later copy' : ''}`]];
}

function missingRows({ missing }: EvidenceDocument): string[][] {
  const { damagedLines, series, records } = missing;
  return [
    ...(damagedLines > 0 ? [['not whole', `${formatCount(damagedLines, 'line')} damaged`]] : []),
    ...(series + records > 0
      ? [
          [
            'not whole',
            `${series} series of samples and ${formatCount(records, 'record')} were left out of a file that grew too long`,
          ],
        ]
      : []),
  ];
}
