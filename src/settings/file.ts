// Reads lm.yaml into a layer and the migration map. Checks its keys and shape; the type of each option reads the value.

import { dirname } from 'node:path';
import * as z from 'zod';
import { LmError, printable } from '../errors.js';
import { DIR_TYPES } from '../files/entry.js';
import { type Found, type Layer, read } from './layers.js';
import { fileKeyOf, OPTION_NAMES, type OptionName, optionOf } from './options.js';
import { nearest } from './values/nearest.js';
import { readYaml, type YamlFile } from './values/yaml.js';

export interface SettingsFile {
  layer: Layer;
  /** As written, with its location; undefined when absent or empty, which the Sidecar takes for no map too. */
  migrationMap: { entries: Record<string, string>; where: string } | undefined;
}

const word = z.union([z.string(), z.number(), z.boolean()], 'takes a word, a number, or true or false');
const words = z.union([word, z.array(word)], 'takes a value or a list of values').nullish();

const keysIn = (block: string | undefined): OptionName[] =>
  OPTION_NAMES.filter((name) => name !== 'root' && fileKeyOf(name) !== undefined && optionOf(name).block === block);

const shapeOf = (block: string | undefined): Record<string, typeof words> =>
  Object.fromEntries(keysIn(block).map((name) => [name.replaceAll('-', '_'), words]));

/** A key without a value (`key:`) counts as absent: commented-out lines leave such keys. */
const Shape = z
  .strictObject(
    {
      ...shapeOf(undefined),
      roots: z.partialRecord(z.enum(DIR_TYPES), words, 'takes a mapping of directory types to directories').nullish(),
      live_migration: z
        .strictObject(
          {
            ...shapeOf('live_migration'),
            migration_map: z
              .record(
                z.string(),
                z.string('takes the name or address of a destination'),
                'takes a mapping, source: destination',
              )
              .nullish(),
          },
          { error: (issue) => (issue.code === 'invalid_type' ? 'takes a mapping' : undefined) },
        )
        .nullish(),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'takes a mapping of settings' : undefined) },
  )
  .nullable();

type Words = z.infer<typeof words>;

/** Undefined when there is no such file. Throws `usage`, naming key and line. */
export function readSettingsFile(path: string): SettingsFile | undefined {
  const file = readYaml(path);
  if (!file) return undefined;
  const parsed = Shape.safeParse(file.value);
  if (!parsed.success) throw refuse(parsed.error.issues[0]!, file);
  const { roots, live_migration: block, ...top } = parsed.data ?? {};
  const layer = new Map<OptionName, Found>();
  for (const name of OPTION_NAMES) {
    const keys = fileKeyOf(name)?.split('.') ?? [];
    const holder = (keys.length > 1 ? block : top) as Record<string, Words> | null | undefined;
    const stated = name === 'root' ? rootWords(roots ?? {}) : textOf(holder?.[keys.at(-1) ?? '']);
    if (stated === undefined) continue;
    layer.set(name, read(name, stated, { source: 'file', where: file.locationOf(keys) }, dirname(path)));
  }
  return { layer, migrationMap: mapIn(block?.migration_map ?? {}, file) };
}

/** `data: [/a, /b]` as values of `--root`: `data=/a`, `data=/b`. */
function rootWords(roots: Record<string, Words>): string[] | undefined {
  const stated = Object.entries(roots).flatMap(([type, dirs]) =>
    [textOf(dirs) ?? []].flat().map((dir) => `${type}=${dir}`),
  );
  return stated.length > 0 ? stated : undefined;
}

const textOf = (stated: Words): string | string[] | undefined =>
  stated === undefined || stated === null ? undefined : Array.isArray(stated) ? stated.map(String) : String(stated);

function mapIn(entries: Record<string, string>, file: YamlFile): SettingsFile['migrationMap'] {
  if (Object.keys(entries).length === 0) return undefined;
  return { entries, where: file.locationOf(['live_migration', 'migration_map']) };
}

function refuse(issue: z.core.$ZodIssue, file: YamlFile): LmError {
  const unknown =
    issue.code === 'unrecognized_keys' ? issue.keys[0] : issue.code === 'invalid_key' ? issue.path.at(-1) : undefined;
  if (unknown === undefined) {
    const key = issue.path.join('.');
    const where = printable(file.locationOf(issue.path));
    const got = describe(
      issue.path.reduce<unknown>((value, step) => (value as Record<PropertyKey, unknown>)?.[step], file.value),
    );
    return new LmError('usage', `${key === '' ? where : `${printable(key)} (${where})`}: got ${got}, ${issue.message}`);
  }
  const above = issue.code === 'invalid_key' ? issue.path.slice(0, -1) : issue.path;
  const path = [...above, unknown];
  const guess = guessKey(above.join('.'), String(unknown));
  return new LmError(
    'unknown-setting',
    `${printable(path.join('.'))} (${printable(file.locationOf(path))}): unknown key`,
    {
      hint:
        guess === undefined ? 'keys are flag names with _ for -, roots and live_migration' : `did you mean ${guess}?`,
    },
  );
}

const describe = (value: unknown): string =>
  Array.isArray(value)
    ? 'a list'
    : value !== null && typeof value === 'object'
      ? 'a mapping'
      : `'${printable(String(value))}'`;

function guessKey(above: string, key: string): string | undefined {
  if (above === 'roots') return nearest(key, DIR_TYPES);
  const snake = key.replaceAll('-', '_');
  const known = [
    'live_migration',
    'live_migration.migration_map',
    ...OPTION_NAMES.map((name) => fileKeyOf(name) ?? ''),
  ];
  const elsewhere = known.find((full) => full === snake || full.endsWith(`.${snake}`));
  return elsewhere ?? nearest(above === '' ? snake : `${above}.${snake}`, known);
}
