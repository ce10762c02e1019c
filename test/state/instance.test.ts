import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LmError } from '../../src/errors.js';
import { findInstance, instanceName, listInstances, openInstance, removeInstance } from '../../src/state/instance.js';

const data = { key: 'data/0', path: '/srv/data' };
const log = { key: 'commitlog/0', path: '/srv/log' };
let base: string;
let stateDir: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lm-instance-'));
  stateDir = join(base, 'state', 'lm');
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const errorOf = (act: () => unknown): LmError => {
  try {
    act();
  } catch (error) {
    if (error instanceof LmError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('the name of an instance', () => {
  test('is role and eight hex digits', () => expect(instanceName('source', [data])).toMatch(/^source-[0-9a-f]{8}$/));
  test('does not depend on the order of the roots', () =>
    expect(instanceName('source', [data, log])).toBe(instanceName('source', [log, data])));
  test.each([
    ['another role', instanceName('destination', [data])],
    ['another path', instanceName('source', [{ key: 'data/0', path: '/srv/data2' }])],
    ['another key', instanceName('source', [{ key: 'data/1', path: '/srv/data' }])],
    ['one root more', instanceName('source', [data, log])],
  ])('differs for %s', (_, other) => expect(instanceName('source', [data])).not.toBe(other));
});

describe('openInstance', () => {
  test('makes a directory for the owner alone, and finds it again', () => {
    const made = openInstance({ stateDir, role: 'destination', roots: [log, data] });
    expect(statSync(made.dir).mode & 0o7777).toBe(0o700);
    expect(made).toMatchObject({ role: 'destination', roots: [log, data], dir: join(stateDir, made.name) });
    expect(openInstance({ stateDir, role: 'destination', roots: [data, log] })).toEqual(made);
    expect(listInstances(stateDir)).toEqual([made]);
  });

  test('keeps a name for one role', () => {
    openInstance({ stateDir, role: 'source', name: 'n1', roots: [data] });
    const error = errorOf(() => openInstance({ stateDir, role: 'destination', name: 'n1', roots: [data] }));
    expect(error).toMatchObject({ code: 'usage', message: 'instance n1 is a source, not a destination' });
  });

  test("keeps a destination's name for its directories, but lets an agent's change", () => {
    openInstance({ stateDir, role: 'destination', name: 'd', roots: [data] });
    const error = errorOf(() => openInstance({ stateDir, role: 'destination', name: 'd', roots: [data, log] }));
    expect(error).toMatchObject({ code: 'usage', message: 'instance d is for other directories: data/0=/srv/data' });
    openInstance({ stateDir, role: 'source', name: 's', roots: [data] });
    openInstance({ stateDir, role: 'source', name: 's', roots: [data, log] });
    expect(findInstance({ stateDir, name: 's' })?.roots).toEqual([log, data]);
  });

  test.each(['', '.', '..', '.a', 'a/b', 'a b', 'é', 'x'.repeat(101)])('refuses the name %j', (name) => {
    expect(errorOf(() => openInstance({ stateDir, role: 'source', name, roots: [data] })).code).toBe('usage');
  });
});

describe('removeInstance', () => {
  test('leaves nothing, and returns the names of what there was', () => {
    const made = openInstance({ stateDir, role: 'source', roots: [data] });
    writeFileSync(join(made.dir, 'agent-id'), 'x');
    expect(removeInstance(made)).toEqual(['agent-id', 'instance.json']);
    expect(readdirSync(stateDir)).toEqual([]);
    expect(() => removeInstance(made)).toThrow(expect.objectContaining({ code: 'local' }));
  });
});

describe('findInstance', () => {
  test('finds nothing where there is none', () => {
    expect(findInstance({ stateDir })).toBeUndefined();
    expect(findInstance({ stateDir, name: 'n1' })).toBeUndefined();
  });

  test('takes the only one of the role; lists them when there are several', () => {
    const one = openInstance({ stateDir, role: 'destination', name: 'one', roots: [data] });
    const agent = openInstance({ stateDir, role: 'source', roots: [data] });
    expect(findInstance({ stateDir, role: 'destination' })).toEqual(one);
    expect(findInstance({ stateDir, role: 'source' })).toEqual(agent);
    const error = errorOf(() => findInstance({ stateDir }));
    expect(error).toMatchObject({
      code: 'usage',
      details: ['one  data/0=/srv/data', `${agent.name}  data/0=/srv/data`],
    });
  });

  test('passes over those whose only runs were refused, unless there is no other', () => {
    const one = openInstance({ stateDir, role: 'destination', roots: [data] });
    const slip = openInstance({ stateDir, role: 'destination', roots: [log] });
    for (const { dir } of [one, slip]) writeFileSync(join(dir, 'journal.jsonl'), '');
    writeFileSync(join(slip.dir, 'lock.json'), '{}');
    expect(errorOf(() => findInstance({ stateDir })).code).toBe('usage');
    writeFileSync(join(one.dir, 'journal.jsonl'), 'a line');
    expect(findInstance({ stateDir })).toEqual(one);
    expect(findInstance({ stateDir, roots: [log] })).toEqual(slip);
    writeFileSync(join(slip.dir, 'journal.jsonl'), 'a line');
    expect(errorOf(() => findInstance({ stateDir })).code).toBe('usage');
  });

  test('distinguishes two by their roots or by name', () => {
    const one = openInstance({ stateDir, role: 'destination', name: 'one', roots: [data] });
    const two = openInstance({ stateDir, role: 'destination', roots: [log, data] });
    expect(findInstance({ stateDir, roots: [data] })).toEqual(one);
    expect(findInstance({ stateDir, roots: [data, log] })).toEqual(two);
    expect(findInstance({ stateDir, name: 'one' })).toEqual(one);
    expect(errorOf(() => findInstance({ stateDir, role: 'source', name: 'one' })).code).toBe('usage');
  });

  test('overlooks what is no instance, but not a damaged one', () => {
    mkdirSync(join(stateDir, 'lost+found'), { recursive: true });
    writeFileSync(join(stateDir, 'notes'), '');
    expect(listInstances(stateDir)).toEqual([]);
    const { dir } = openInstance({ stateDir, role: 'source', roots: [data] });
    writeFileSync(join(dir, 'instance.json'), '{"role":"source"');
    expect(errorOf(() => findInstance({ stateDir }))).toMatchObject({
      code: 'local',
      message: `${dir}/instance.json is damaged: it does not hold the record it should`,
    });
  });
});
