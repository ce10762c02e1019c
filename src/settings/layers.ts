// The layers that settings come from, strongest first, and how a stated text becomes a value. Every value has its origin.

import { excerpt, LmError, printable } from '../errors.js';
import { fileKeyOf, type OptionName, optionOf, type ValueOf } from './options.js';
import type { OptionType } from './types.js';

/** Strongest first. */
const SOURCES = ['flag', 'environment', 'file', 'remembered', 'default'] as const;

export interface Origin {
  source: (typeof SOURCES)[number];
  /** `--threshold`, `LM_THRESHOLD`, `/etc/lm/lm.yaml:3`, `the first copy`, `default`, `migration_map`. */
  where: string;
}

/** One stated value. `text` is as it was stated, with paths made absolute: one text, or the texts of a list. */
export interface Found {
  value: unknown;
  text: string | readonly string[];
  origin: Origin;
}

export type Layer = ReadonlyMap<OptionName, Found>;

/** Layers in the order of SOURCES; the last holds the defaults that depend on this host. */
export type Layers = readonly [flags: Layer, environment: Layer, file: Layer, remembered: Layer, derived: Layer];

/** The value of `name` from the strongest layer that states one, or its default; undefined when there is neither. */
export function find(layers: Layers, name: OptionName): Found | undefined {
  for (const layer of layers) {
    const found = layer.get(name);
    if (found) return found;
  }
  const option = optionOf(name);
  const text = option.default ?? (option.list ? [] : option.type.metavar === '' ? 'false' : undefined);
  return text === undefined ? undefined : read(name, text, { source: 'default', where: 'default' }, '/');
}

export const pick = <N extends OptionName>(layers: Layers, name: N): ValueOf<N> =>
  find(layers, name)?.value as ValueOf<N>;

/** Reads what was stated for `name`. Throws `usage`: one line with the option, its location, what it got and what it takes. */
export function read(name: OptionName, stated: string | readonly string[], origin: Origin, base: string): Found {
  const option = optionOf(name);
  const words = typeof stated === 'string' ? [stated] : stated;
  if (!option.list && words.length !== 1) throw invalidValue(name, origin, `a list of ${words.length}`);
  const values = words.map((word) => {
    const value = option.type.parse(word, base);
    if (value === undefined) throw invalidValue(name, origin, `'${excerpt(option.type.mask?.(word) ?? word)}'`, word);
    return { value, text: option.type.show?.(value) ?? (typeof value === 'string' ? value : word) };
  });
  if (!option.list) return { ...values[0]!, origin };
  return { value: values.map((one) => one.value), text: values.map((one) => one.text), origin };
}

const MAX_SUGGESTION = 200;

function suggestionFor(word: string, kind: OptionType<unknown>): string | undefined {
  const guess = kind.suggest?.(word);
  return guess === undefined || guess.length > MAX_SUGGESTION ? undefined : `did you mean ${printable(guess)}?`;
}

function invalidValue(name: OptionName, origin: Origin, got: string, word?: string): LmError {
  const { type } = optionOf(name);
  const hint = word === undefined ? undefined : (suggestionFor(word, type) ?? type.advise?.(word));
  return new LmError('usage', `${label(name, origin)}: got ${got}, takes ${type.takes}`, {
    ...(hint !== undefined && { hint }),
  });
}

/** `--threshold`, `LM_THRESHOLD`, `threshold (lm.yaml:3)`: what to change, and where. */
export function label(name: OptionName, { source, where }: Origin): string {
  if (source === 'flag' || source === 'environment') return where;
  return `${fileKeyOf(name) ?? name} (${printable(where)})`;
}
