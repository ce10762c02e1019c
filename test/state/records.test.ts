import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readAdoption, recordAdoption } from '../../src/state/adoption.js';
import { agentId, bootId, machineId } from '../../src/state/identity/host.js';
import { destinationRoots, readIdentities, recordIdentities } from '../../src/state/identity/identity-file.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-records-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('who this host is', () => {
  test('an agent gets an id of its own, once, in each state directory', () => {
    const other = join(dir, 'other');
    mkdirSync(other);
    expect(agentId(dir)).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(agentId(dir)).toBe(agentId(dir));
    expect(agentId(other)).not.toBe(agentId(dir));
    expect(readdirSync(dir)).toEqual(['agent-id', 'other']);
  });

  test('an id that was emptied is an error, not another agent', () => {
    writeFileSync(join(dir, 'agent-id'), '\n');
    expect(() => agentId(dir)).toThrow(`${dir}/agent-id holds no id`);
  });

  test('the machine id is a hash of the machine, not of the state directory', () => {
    const own = join(dir, 'own');
    writeFileSync(own, '0123\n');
    expect(machineId(dir, own)).toBe('cca50a78c15dd9b615fc598c70f693d4'); // printf lm0123 | sha256sum
    expect(readdirSync(dir)).toEqual(['own']);
  });

  test.each(['absent', 'empty'])('a machine without an id (%s) is given one that stays', (name) => {
    writeFileSync(join(dir, 'empty'), '\n');
    const first = machineId(dir, join(dir, name));
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(machineId(dir, join(dir, name))).toBe(first);
    mkdirSync(join(dir, 'other'));
    expect(machineId(join(dir, 'other'), join(dir, name))).not.toBe(first);
  });

  test('the boot id stays while the machine is up', () => {
    expect(bootId()).toMatch(/./);
    expect(bootId()).toBe(bootId());
  });
});

describe('the records of a migration', () => {
  const rootOf = (path: string) => ({ key: 'data/0', type: 'data' as const, index: 0, path });
  const source = {
    url: 'http://s:9043',
    agentId: 'a',
    machine: 'm',
    roots: [],
    devices: { 'data/0': '1' },
    within: [],
  };

  test('are read back', () => {
    const destination = destinationRoots([rootOf(dir)]);
    expect(destination[0]!.ino).toMatch(/^\d+$/);
    expect(readIdentities(dir)).toBeUndefined();
    expect(readAdoption(dir)).toBeUndefined();
    recordIdentities(dir, { source, destination });
    recordAdoption(dir, { atMs: 1, how: 'empty', roots: destination });
    expect(readIdentities(dir)).toEqual({ source, destination });
    expect(readAdoption(dir)).toEqual({ atMs: 1, how: 'empty', roots: destination });
  });

  test.each<[string, (dir: string) => unknown]>([
    ['identity.json', readIdentities],
    ['adoption.json', readAdoption],
  ])('%s damaged is an error, never an absent record', (file, read) => {
    for (const text of ['', '{}', '{"how":"any","roots":[]}', 'null']) {
      writeFileSync(join(dir, file), text);
      expect(() => read(dir)).toThrow(
        expect.objectContaining({ code: 'local', message: expect.stringContaining(join(dir, file)) }),
      );
    }
    mkdirSync(join(dir, 'd', file), { recursive: true });
    expect(() => read(join(dir, 'd'))).toThrow(expect.objectContaining({ code: 'local' }));
  });

  test('a root that does not exist is an error', () =>
    expect(() => destinationRoots([rootOf(join(dir, 'absent'))])).toThrow(expect.objectContaining({ code: 'local' })));
});
