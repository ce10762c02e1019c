// The parts of the page with plots: downtime, passes, convergence, what held the ratio down, verification.

import { formatBytes, formatShare, formatSpan } from '../../amounts.js';
import { outcomeText } from '../../render/rows/forecast.js';
import { proofsRows } from '../../render/rows/proofs.js';
import { repairRows } from '../../render/rows/repairs.js';
import type { VerifyReport } from '../../report/verify-report.js';
import type { EvidenceDocument } from '../document.js';
import { lastShortPass, passesIn, passName } from '../figures.js';
import { bytesFigure, code, countFigure, type Html, html, list, spanFigure, time } from './markup.js';
import { bar, bytesPlot, ratioPlot, type Slice, swatch } from './plots.js';

export const section = (title: string, content: Html, note?: string): Html =>
  html`<section><h2>${title}</h2>${note === undefined ? '' : html`<p class="soft">${note}</p>`}${content}</section>`;

const card = (content: Html): Html => html`<div class="card">${content}</div>`;

const NOTHING = html``;

/** A bar and the key to it. */
function parts(slices: readonly (Slice & { name: string; figure: Html })[], label: string): Html {
  const shown = slices.filter(({ size }) => size > 0);
  const key = shown.map(({ color, name, figure }) => html`<li>${swatch(color)}${name} ${figure}</li>`);
  return html`${bar(slices, label)}<ul class="key">${key}</ul>`;
}

export function downtime({ downtime: down }: EvidenceDocument): Html {
  if (!down) return NOTHING;
  let color = 0;
  const slices = down.parts.map(({ name, ms }) => ({
    color: name === 'between commands' || name === 'start and end' ? 'rest' : `f${color++ % 8}`,
    size: ms,
    title: `${name}: ${formatSpan(ms)}`,
    name,
    figure: spanFigure(`downtime-${name.replaceAll(' ', '-')}`, ms),
  }));
  return section(
    'Downtime',
    card(
      html`${parts(slices, 'parts of the downtime')}${down.forecast ? html`<p>Forecast: ${outcomeText(down.forecast)}</p>` : ''}`,
    ),
    'From the start of the final copy to the completion, or to the last command so far. When the service was stopped, lm cannot know.',
  );
}

const MAX_PLOTS = 12;

/** Of passes that fetched something; a plot of nothing says nothing. */
export function passPlots(document: EvidenceDocument): Html {
  const all = passesIn(document).filter(({ series }) => series.length > 0);
  if (all.length === 0) return NOTHING;
  const cards = all.slice(-MAX_PLOTS).map((one) => {
    const { pass, times, series } = one;
    const name = `pass ${passName(one)}`;
    const length = times.fetchMs === undefined ? '' : ` in ${formatSpan(times.fetchMs)}`;
    return card(
      html`<h3>Pass ${passName(one)}: ${formatBytes(pass.bytesDownloaded)}${length}</h3>${bytesPlot(series, pass.bytesToDownload, `bytes over time, ${name}`)}`,
    );
  });
  const more = all.length - MAX_PLOTS;
  return section(
    'Bytes over time',
    html`<div class="cards">${cards}</div>`,
    `Pass 2.1 is pass 1 of the second copy. Time runs from the start of the pass${more > 0 ? `; the first ${more} passes are in the table` : ''}.`,
  );
}

export function convergence(document: EvidenceDocument): Html {
  const points = passesIn(document)
    .filter(({ pass }) => pass.totalSize >= 0)
    .map((one) => ({
      ratio: one.pass.matchRatio,
      goal: goalOf(one.run),
      label: passName(one),
    }));
  if (points.length === 0) return NOTHING;
  return section(
    'Convergence',
    html`<div class="card">${ratioPlot(points, 'share of matching bytes, by pass')}</div>`,
    'The share of the bytes that matched at the beginning of each pass; dashed, the threshold of its copy.',
  );
}

function goalOf({ copy, settings }: ReturnType<typeof passesIn>[number]['run']): number {
  const stated = settings.find(({ name }) => name === 'threshold')?.value;
  return copy?.successThreshold ?? Number(stated ?? 1);
}

export function heldDown(document: EvidenceDocument): Html {
  const short = lastShortPass(document);
  if (!short?.pass.roots) return NOTHING;
  const cards = short.pass.roots
    .filter(({ total }) => total.bytes > 0)
    .map(({ key, total, matching, left, firstMissing, firstLeft }) => {
      const open = Math.max(0, total.bytes - matching.bytes - left.bytes);
      const slice = (color: string, name: string, size: number) => ({
        ...{ color, size, name },
        title: `${name}: ${formatBytes(size)}`,
        figure: bytesFigure(`held-${key}-${name.replaceAll(' ', '-')}`, size),
      });
      const slices = [
        slice('f1', 'matching', matching.bytes),
        slice('f2', 'missing', open),
        slice('rest', 'left, as it is written to', left.bytes),
      ];
      const names = [...firstMissing, ...firstLeft].slice(0, 10).map((name) => code(name));
      const share = total.bytes - left.bytes === 0 ? 1 : matching.bytes / (total.bytes - left.bytes);
      return card(
        html`<h3>${key}, ${formatShare(share)}</h3>${parts(slices, `bytes of ${key}`)}${
          names.length > 0 ? html`<p class="soft">first of what was missing</p>${list(names)}` : ''
        }`,
      );
    });
  return section(
    'What held the ratio down',
    html`<div class="cards">${cards}</div>`,
    `Root by root in pass ${passName(short)}, the last one at whose beginning bytes were missing.`,
  );
}

const WRONG = [
  ['filesNotFoundAtSource', 'not at the source'],
  ['filesNotFoundAtDestination', 'not here'],
  ['metadataMismatches', 'other metadata'],
  ['digestMismatches', 'other contents'],
  ['digestVerificationFailures', 'could not be read'],
] as const satisfies [keyof VerifyReport, string][];

export function verifications({ runs }: EvidenceDocument): Html {
  const all = runs.flatMap(({ verification }) => (verification ? [verification] : []));
  if (all.length === 0) return NOTHING;
  const cards = all
    .slice(-MAX_PLOTS)
    .map(({ report, beganAtMs, endedAtMs, bytesCompared, firstDifferences, series, manifest }, i) => {
      const name = (text: string): string => `verification-${i}-${text}`;
      const lengthMs = endedAtMs - beganAtMs;
      const slices = [
        {
          color: 'f1',
          size: report.filesMatched,
          title: `equal: ${report.filesMatched}`,
          name: 'files equal',
          figure: countFigure(name('matched'), report.filesMatched),
        },
        ...WRONG.map(([counter, text]) => ({
          ...{ color: 'wrong', size: report[counter], title: `${text}: ${report[counter]}`, name: text },
          figure: countFigure(name(counter), report[counter]),
        })),
      ];
      const kinds = kindsOf(report);
      const proofs = [...repairRows(report), ...proofsRows(report)].map(([what, text]) => `${what}: ${text}`);
      const kept = manifest
        ? html`<p class="soft">Its ${manifest.files} digests are kept: ${code('lm report --manifest FILE')}</p>`
        : '';
      const plot = series.length > 1 ? bytesPlot(series, bytesCompared, 'bytes compared over time') : '';
      return card(html`<h3>${report.digestAlgorithm} at ${time(beganAtMs)} <span class="badge ${report.state === 'COMPLETED' ? 'good' : 'bad'}">${report.state}</span></h3>
<p class="soft">${kinds}; ${bytesFigure(name('bytes'), bytesCompared)} of files compared on both sides in ${spanFigure(name('time'), lengthMs)}</p>
${parts(slices, 'files of the verification')}${proofs.length > 0 ? list(proofs) : ''}${plot}${kept}${
  firstDifferences.length > 0 ? list(firstDifferences.map(({ key, reason }) => html`${reason}: ${code(key)}`)) : ''
}`);
    });
  return section('Verification', html`<div class="cards wide">${cards}</div>`);
}

function kindsOf(report: VerifyReport): string {
  const said = [
    ...(report.by ? [report.by] : []),
    ...(report.live ? ['of a live source'] : []),
    ...(report.beforeFinalPass ? ['before a final pass'] : []),
    ...(report.otherExclusions ? ['by other exclusions than the last copy'] : []),
    ...(report.without ? [`without ${report.without.join(', ')}`] : []),
  ];
  return [...(report.by ? [] : ['full']), ...said].join(', ');
}
