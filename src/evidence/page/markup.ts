// Makes HTML in which every text is escaped, wherever it came from.

import { formatBytes, formatShare, formatSpan } from '../../amounts.js';
import { printable } from '../../errors.js';

/** HTML that may stand in a page as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | undefined | readonly (Html | string | number)[];

/** A template whose values are escaped, unless they are HTML themselves. */
export const html = (strings: TemplateStringsArray, ...values: Part[]): Html =>
  new Html(strings.reduce((text, one, i) => text + partText(values[i - 1]) + one));

const partText = (part: Part): string => {
  if (part === undefined) return '';
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map(partText).join('');
  return escapeHtml(String(part));
};

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export const escapeHtml = (text: string): string => printable(text).replace(/[&<>"']/g, (c) => ENTITIES[c]!);

/** A number for people, with the exact one beside it for programs, under a name. */
const figure = (name: string, value: number, text: string): Html =>
  html`<data value="${value}" data-figure="${name}">${text}</data>`;

export const bytesFigure = (name: string, bytes: number): Html => figure(name, bytes, formatBytes(bytes));

export const countFigure = (name: string, count: number): Html => figure(name, count, formatCount(count));

export const shareFigure = (name: string, ratio: number): Html => figure(name, ratio, formatShare(ratio));

export const spanFigure = (name: string, ms: number): Html => figure(name, ms, formatSpan(ms));

/** `1 234 567`, with narrow spaces; `?` for what is not known. */
const formatCount = (count: number): string => (count < 0 ? '?' : String(count).replace(/\B(?=(\d{3})+$)/g, '\u202f'));

/** `2026-12-01 00:40:11Z` */
export const timeText = (ms: number): string =>
  new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');

export const time = (ms: number): Html => html`<time datetime="${new Date(ms).toISOString()}">${timeText(ms)}</time>`;

export interface Column {
  title: string;
  isNumber?: boolean;
}

/** On a narrow screen each row becomes a block, in which a cell is named by its column. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (Html | string | number)[])[],
  kind = '',
): Html {
  const align = (i: number): string => (columns[i]!.isNumber ? 'number' : '');
  const head = columns.map(({ title }, i) => html`<th scope="col" class="${align(i)}">${title}</th>`);
  const body = rows.map(
    (cells) =>
      html`<tr>${cells.map((cell, i) => html`<td class="${align(i)}" data-label="${columns[i]!.title}"><span>${cell}</span></td>`)}</tr>`,
  );
  return html`<table class="${kind}"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

/** Long names may break anywhere. */
export const code = (text: string): Html => html`<code>${text}</code>`;

/** Lines as an error has them, with what they are indented by. */
export const detailLines = (lines: readonly string[]): Html =>
  lines.length === 0 ? html`` : html`<ul class="lines">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;

export const list = (items: readonly (Html | string)[]): Html =>
  html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
