// The tour of README.md: what `lm demo` prints, as it stands there between two marks. `npm run tour` writes it.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const README = fileURLToPath(new URL('../../README.md', import.meta.url));

const BEGIN = '<!-- what lm demo prints; npm run tour writes it -->\n```\n';
const END = '```\n<!-- the end of that -->\n';

/** Longer lines are cut: they would be wrapped, or scroll. */
const WIDTH = 140;

/** The demo begins with its settings files and ends with what it says of itself. */
const [FIRST, BEHIND] = ['# the agent of the source', '# start the service on the destination'];

/** It depends on who runs it, and on what else runs there. */
const OF_THIS_HOST = /^warning: could not look into /;

/** Of all that a demo has printed. */
export function tourOf(output: string): string {
  const lines = output.split('\n');
  const [from, to] = [FIRST, BEHIND].map((start) => lines.findIndex((line) => line.startsWith(start)));
  if (from === undefined || to === undefined || from < 0 || to < from) throw new Error('the demo was not as expected');
  const told = lines.slice(from, to).filter((line) => !OF_THIS_HOST.test(line));
  const shown = told.map((line) => cut(line.replaceAll(SANDBOX, '/srv/')));
  return `${shown.join('\n').trimEnd()}\n`;
}

/** Where a demo plays: a directory of its own among temporary files. */
const SANDBOX = /(\/[\w.-]+)*\/lm-demo-\w+\//g;

const cut = (line: string): string => (line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line);

export function tourIn(readme: string): string {
  const { from, to } = placeIn(readme);
  return readme.slice(from, to);
}

export function withTour(readme: string, tour: string): string {
  const { from, to } = placeIn(readme);
  return readme.slice(0, from) + tour + readme.slice(to);
}

function placeIn(readme: string): { from: number; to: number } {
  const from = readme.indexOf(BEGIN) + BEGIN.length;
  const to = readme.indexOf(END, from);
  if (from < BEGIN.length || to < 0) throw new Error('README.md has no place for the tour');
  return { from, to };
}

export const readReadme = (): string => readFileSync(README, 'utf8');

/** The commands of a tour, whose ports are chosen anew each time. */
export const commandsIn = (tour: string): string[] =>
  tour.split('\n').flatMap((line) => (/^\w+\$ /.test(line) ? [line.replace(/:\d+/, ':PORT')] : []));

/** What each line tells of, apart from figures, names and paths: `  downloaded`, `plan:`, `iteration`. */
export const labelsIn = (tour: string): Set<string> =>
  new Set(
    tour
      .split('\n')
      .flatMap((line) => (/^\w+\$ |^#|^$/.test(line) ? [] : [/^ *[a-zA-Z]*( [a-z]+(?= {2}))?:?/.exec(line)![0]])),
  );
