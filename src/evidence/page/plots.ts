// Draws the plots of the page as SVG: bytes over time, the share that matches pass by pass, and bars of parts.

import { formatBytes, formatShare, formatSpan } from '../../amounts.js';
import type { Point } from '../../state/evidence/records.js';
import { type Html, html } from './markup.js';

const WIDTH = 360;
const HEIGHT = 190;
const BOX = { left: 56, right: 10, top: 10, bottom: 26 } as const;
const INNER_WIDTH = WIDTH - BOX.left - BOX.right;
const INNER_HEIGHT = HEIGHT - BOX.top - BOX.bottom;

const round = (n: number): number => Math.round(n * 10) / 10;
const xAt = (share: number): number => round(BOX.left + share * INNER_WIDTH);
const yAt = (share: number): number => round(BOX.top + (1 - share) * INNER_HEIGHT);

/** Bytes over time, from 0; `total` is where it was to end. */
export function bytesPlot(points: readonly Point[], total: number, label: string): Html {
  const ms = Math.max(1, ...points.map(([at]) => at));
  const top = niceBytes(Math.max(1, total, ...points.map(([, bytes]) => bytes)));
  const all: readonly Point[] = points[0]?.[0] === 0 ? points : [[0, 0], ...points];
  const path = all.map(([at, bytes]) => `${xAt(at / ms)},${yAt(bytes / top)}`);
  const under = `${xAt(0)},${yAt(0)} ${path.join(' ')} ${xAt(1)},${yAt(0)}`;
  return frame(
    label,
    [0, 0.5, 1].map((share) => ({ share, text: formatBytes(share * top).replace('.0 ', ' ') })),
    [0, 0.5, 1].map((share) => ({ share, text: share === 0 ? '0' : formatSpan(share * ms) })),
    html`<polygon class="under" points="${under}"/><polyline class="trace" data-points="${points.length}" points="${path.join(' ')}"/>`,
  );
}

/** The next of 1, 2, 4, 8 … units, halves included, so that the middle of the axis is a plain number as well. */
function niceBytes(bytes: number): number {
  const unit = 1024 ** Math.floor(Math.log2(bytes) / 10);
  const steps = [
    1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 640, 800,
  ];
  return (steps.find((step) => step * unit >= bytes) ?? 1024) * unit;
}

export interface RatioPoint {
  ratio: number;
  goal: number;
  label: string;
}

/** The share that matched at the beginning of each pass, and the threshold of each. */
export function ratioPlot(points: readonly RatioPoint[], label: string): Html {
  const least = Math.min(...points.map(({ ratio }) => ratio));
  const low = least >= 0.9 ? 0.9 : least >= 0.5 ? 0.5 : 0;
  const at = (i: number): number => (points.length === 1 ? 0.5 : 0.04 + (0.92 * i) / (points.length - 1));
  const up = (ratio: number): number => Math.max(0, (ratio - low) / (1 - low));
  const half = points.length === 1 ? 0.2 : 0.46 / (points.length - 1);
  const goals = points.map(({ goal }, i) => {
    const y = yAt(up(goal));
    return html`<line class="goal" x1="${xAt(Math.max(0, at(i) - half))}" x2="${xAt(Math.min(1, at(i) + half))}" y1="${y}" y2="${y}"/>`;
  });
  const path = points.map(({ ratio }, i) => `${xAt(at(i))},${yAt(up(ratio))}`).join(' ');
  const dots = points.map(
    ({ ratio, label: text }, i) =>
      html`<circle class="dot" cx="${xAt(at(i))}" cy="${yAt(up(ratio))}" r="3.5"><title>${text}: ${formatShare(ratio)}</title></circle>`,
  );
  const every = Math.ceil(points.length / 8);
  const named = points.flatMap(({ label: text }, i) =>
    i % every === 0 ? [{ share: at(i), text, isCentred: true }] : [],
  );
  return frame(
    label,
    [0, 0.5, 1].map((share) => ({ share, text: formatShare(low + share * (1 - low)) })),
    named,
    html`${goals}<polyline class="trace" points="${path}"/>${dots}`,
  );
}

interface Tick {
  share: number;
  text: string;
  isCentred?: boolean;
}

function frame(label: string, rows: readonly Tick[], columns: readonly Tick[], drawn: Html): Html {
  const lines = rows.map(
    ({ share, text }) =>
      html`<line class="${share === 0 ? 'axis' : 'grid'}" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${yAt(share)}" y2="${yAt(share)}"/><text x="${BOX.left - 6}" y="${round(yAt(share) + 3.5)}" text-anchor="end">${text}</text>`,
  );
  const names = columns.map(
    ({ share, text, isCentred = false }) =>
      html`<text x="${xAt(share)}" y="${HEIGHT - 9}" text-anchor="${isCentred ? 'middle' : anchorAt(share)}">${text}</text>`,
  );
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${lines}${names}${drawn}</svg>`;
}

const anchorAt = (share: number): string => (share === 0 ? 'start' : share === 1 ? 'end' : 'middle');

export interface Slice {
  /** `f0` to `f7`, `rest` or `wrong`, of the style. */
  color: string;
  size: number;
  title: string;
}

/** Parts of a whole, side by side; what is more than nothing can be seen. */
export function bar(slices: readonly Slice[], label: string): Html {
  const total = slices.reduce((sum, { size }) => sum + size, 0) || 1;
  const least = 0.004 * total;
  const shown = slices
    .filter(({ size }) => size > 0)
    .map((slice) => ({ ...slice, width: Math.max(slice.size, least) }));
  const all = shown.reduce((sum, { width }) => sum + width, 0) || 1;
  let x = 0;
  const rects = shown.map(({ color, width, title }) => {
    const from = x;
    x += (1000 * width) / all;
    return html`<rect class="${color}" x="${round(from)}" y="0" width="${round(x - from)}" height="10"><title>${title}</title></rect>`;
  });
  return html`<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="${label}">${rects}</svg>`;
}

/** The square before a name in a key. */
export const swatch = (color: string): Html =>
  html`<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="${color}" width="10" height="10" rx="2"/></svg>`;
