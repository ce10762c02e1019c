// What a metric is: a name of Prometheus, and a function that reads its values when somebody asks. Shapes, and short forms to make them.

import { versions } from 'node:process';
import { version } from '../version.js';

export type Labels = Readonly<Record<string, string>>;

export type Sample = readonly [labels: Labels, value: number];

/** Names, units and types follow Prometheus' conventions: `_total` for counters alone, base units, ratios from 0 to 1. */
export interface Family {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  /** The names of the labels that every sample has. */
  labels: readonly string[];
  read(): readonly Sample[];
}

/** Makes families whose samples all have the labels `common`. */
export function familiesWith(common: Labels) {
  const names = Object.keys(common);
  const make =
    (type: Family['type']) =>
    /** `read` returns undefined while there is nothing to tell. */
    (name: string, help: string, read: () => number | undefined): Family => ({
      ...{ name, help, type, labels: names },
      read: () => {
        const value = read();
        return value === undefined ? [] : [[common, value]];
      },
    });
  const by =
    (type: Family['type']) =>
    (name: string, help: string, labels: readonly string[], read: () => readonly Sample[]): Family => ({
      ...{ name, help, type, labels: [...names, ...labels] },
      read: () => read().map(([more, value]) => [{ ...common, ...more }, value] as const),
    });
  return { gauge: make('gauge'), counter: make('counter'), gaugeBy: by('gauge'), counterBy: by('counter') };
}

export const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1_000);

/** Labels of `lm_build_info`, whose value is always 1. */
export const build = (): Labels => ({ version: version(), node: versions.node });
