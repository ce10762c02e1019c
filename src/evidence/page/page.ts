// Makes the page of `lm report --html`: one file that needs no script and no network, for a screen, a phone and paper.

import { formatCount, formatEntries } from '../../amounts.js';
import type { EvidenceDocument } from '../document.js';
import { copiesIn, standingOf, totalsOf } from '../figures.js';
import { bytesFigure, code, countFigure, type Html, html, shareFigure, spanFigure, time, timeText } from './markup.js';
import { convergence, downtime, heldDown, passPlots, verifications } from './sections.js';
import { STYLE } from './style.js';
import {
  checks,
  deletions,
  identities,
  limits,
  passes,
  refusals,
  runs,
  settings,
  waivers,
  warnings,
} from './tables.js';

export function htmlPage(document: EvidenceDocument, nowMs: number): string {
  const { instance } = document;
  const style = html`<style>`.text + STYLE + html`</style>`.text;
  const page = html`<body><main>
${head(document)}
${facts(document)}
${missing(document)}
${downtime(document)}
${passPlots(document)}
<div class="pair">${convergence(document)}
${heldDown(document)}</div>
${verifications(document)}
${passes(document)}
${deletions(document)}
${refusals(document)}
${waivers(document)}
${limits(document)}
${checks(document)}
${warnings(document)}
${runs(document)}
${settings(document)}
${identities(document)}
<footer>Made by lm ${document.host?.lm} at ${time(nowMs)} from ${document.file}. Bytes are binary (1 KiB is 1024 B), times are UTC.</footer>
</main></body>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
${html`<title>Migration report: ${instance}</title>`.text}
${style}</head>
${page.text}</html>
`;
}

function head(document: EvidenceDocument): Html {
  const { source, host, roots, runs: all } = document;
  const { text, tone } = standingOf(document);
  const [first, last] = [all[0], all.at(-1)];
  const to = html`${host?.name ?? 'this host'} (${roots.map(({ path }) => path).join(', ')})`;
  const way = document.role === 'source' ? html`from ${to}` : html`${source?.url ?? 'the source'} &rarr; ${to}`;
  const span = first && last ? html` ${time(first.beganAtMs)} to ${time(last.endedAtMs ?? last.beganAtMs)}` : '';
  return html`<header><h1>Migration report <span class="badge ${tone}" data-figure="standing">${text}</span></h1>
<p class="way">${way}</p><p class="soft">${code(document.instance)}${span === '' ? '' : html`<br>${span}`}</p></header>`;
}

function facts(document: EvidenceDocument): Html {
  const totals = totalsOf(document);
  const { last } = totals;
  const { downtime: down, refusals: refused, waivers: waived } = document;
  const rows: [string, Html | string, string][] = [
    [
      'Bytes at the source',
      last ? bytesFigure('total-bytes', last.totalSize) : '?',
      last ? formatEntries(last.totalFiles) : '',
    ],
    [
      'Received',
      bytesFigure('received-bytes', totals.bytesReceived),
      `in ${formatCount(totals.passes, 'pass', 'passes')} of ${formatCount(copiesIn(document).length, 'copy', 'copies')}`,
    ],
    [
      'Matching at the end',
      last ? shareFigure('last-ratio', last.matchRatio) : '?',
      last ? `pass ${last.iteration}` : '',
    ],
    [
      'Final pass to the end',
      down ? spanFigure('downtime', down.totalMs) : '–',
      down ? `from ${timeText(down.beganAtMs)}` : 'no final pass yet',
    ],
    [
      'Verified by digest',
      countFigure('verified-files', totals.verified?.filesMatched ?? 0),
      totals.verified ? `files equal, ${totals.verified.digestAlgorithm}` : 'no verification has passed',
    ],
    ['Removed', countFigure('removed-entries', totals.filesRemoved), totals.removedText],
    ['Refusals', countFigure('refusals', refused.length), ''],
    ['Waivers', countFigure('waivers', waived.length), ''],
  ];
  return html`<dl class="facts">${rows.map(([title, value, note]) => html`<div class="fact"><dt>${title}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`;
}

/** Said on top, so that nobody takes a part for the whole. */
function missing({ missing: { damagedLines, series, records, runsWithoutEnd } }: EvidenceDocument): Html {
  const said: [string, number][] = [
    ['damaged lines, not told of here', damagedLines],
    ['oldest records left out, as the file grew too long', records],
    ['oldest passes without samples, as the file grew too long', series],
    ['commands without an end (killed, or still going on)', runsWithoutEnd],
  ];
  const shown = said.filter(([, count]) => count > 0);
  return html`${shown.map(([text, count]) => html`<p><span class="badge">not whole</span> ${text}: ${count}</p>`)}`;
}
