// Writes the reference of errors that README.md holds, from the table of `src/errors`.

import { allKinds, type KindOfError } from '../../src/errors/kinds.js';
import { EXIT, EXIT_MEANING } from '../../src/exit-codes.js';

export const BEGIN = '<!-- what follows is written by `npm run errors` from src/errors -->';
export const END = '<!-- the end of it -->';

const WIDTH = 140;

export function errorsPage(): string {
  const codes = [...new Set(allKinds().map(({ code }) => code))].sort((a, b) => EXIT[a] - EXIT[b]);
  const sections = codes.map((code) => {
    const kinds = allKinds().filter((kind) => kind.code === code);
    const usual = mostFrequent(kinds.map(({ kept }) => kept));
    const head = `**${EXIT[code]}**: ${EXIT_MEANING[code]}. ${upperFirst(usual)}${kinds.length > 1 ? ', unless it says otherwise' : ''}.`;
    return [head, '', ...kinds.flatMap((kind) => item(kind, usual)), ''];
  });
  return sections.flat().join('\n').trimEnd();
}

/** A line of a list, folded. What is kept as `usual` is said above the list. */
function item({ kind, title, kept, next }: KindOfError, usual: string): string[] {
  const sentences = [title, ...(kept === usual ? [] : [upperFirst(kept)]), upperFirst(next)];
  const lines: string[] = [];
  for (const word of `- \`${kind}\`: ${sentences.map((text) => `${text}.`).join(' ')}`.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `  ${word}`);
  }
  return lines;
}

function mostFrequent(texts: readonly string[]): string {
  const times = (text: string): number => texts.filter((other) => other === text).length;
  return texts.reduce((most, text) => (times(text) > times(most) ? text : most));
}

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
