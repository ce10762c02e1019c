// Which listeners may be the service: by its addresses, theirs, and whether every process was inspected.

import { describe, expect, test } from '@jest/globals';
import { judgeListeners, lookUpPorts, type MatchReason } from '../../src/linux/service-ports.js';

const NAMED = ['10.0.0.5', '::1'];
const process = { pid: 7, command: 'java' };

describe('a listener on the port', () => {
  test.each<[on: string, at: readonly string[] | undefined, complete: boolean, why: MatchReason | 'other']>([
    // on the address that is named
    ['10.0.0.5', NAMED, true, 'named'],
    ['10.0.0.5', NAMED, false, 'named'],
    ['::ffff:10.0.0.5', NAMED, true, 'named'],
    ['10.0.0.5', ['::ffff:a00:5'], true, 'named'],
    ['::1', NAMED, true, 'named'],
    ['0:0:0:0:0:0:0:1', NAMED, true, 'named'],
    // on every address
    ['0.0.0.0', NAMED, true, 'wildcard'],
    ['::', NAMED, true, 'wildcard'],
    ['::ffff:0.0.0.0', NAMED, true, 'wildcard'],
    // the service itself would listen on every address
    ['10.0.0.9', ['0.0.0.0'], true, 'named'],
    ['10.0.0.9', ['::'], true, 'named'],
    // the service's addresses are not known
    ['127.0.0.1', undefined, true, 'any-address'],
    ['10.0.0.9', undefined, false, 'any-address'],
    // on another address
    ['127.0.0.1', NAMED, true, 'other'],
    ['127.0.0.1', NAMED, false, 'not-inspected'],
    ['fe80::1', NAMED, true, 'other'],
    ['10.0.0.6', [], true, 'other'], // an interface without an address
  ])('at %s, named %j, every process inspected: %j → %s', (address, addresses, isComplete, why) => {
    const listener = { address, port: 9042, process };
    const ports = [{ name: 'native_transport_port', port: 9042, addresses }];
    const { possible, others } = judgeListeners([listener], ports, isComplete);
    const named = { ...listener, name: 'native_transport_port' };
    if (why === 'other') expect({ possible, others }).toEqual({ possible: [], others: [named] });
    else expect({ possible, others }).toEqual({ possible: [{ ...named, why }], others: [] });
  });

  test('that answers without a process of this host is never taken for another service', () => {
    const ports = [{ name: 'storage_port', port: 7000, addresses: NAMED }];
    const { possible } = judgeListeners([{ address: '127.0.0.1', port: 7000 }], ports, true);
    expect(possible).toMatchObject([{ why: 'not-inspected' }]);
  });

  test('on a port that several settings name is judged by the strictest; one on another port is not judged', () => {
    const ports = [
      { name: 'storage_port', port: 7000, addresses: NAMED },
      { name: '--guard-port', port: 7000, addresses: undefined },
    ];
    const on = (port: number) => judgeListeners([{ address: '127.0.0.1', port, process }], ports, true);
    expect(on(7000).possible).toMatchObject([{ name: '--guard-port', why: 'any-address' }]);
    expect(on(7001)).toEqual({ possible: [], others: [] });
  });
});

test.each([
  [{ hosts: ['127.0.0.2'] }, ['127.0.0.2']],
  [{ hosts: ['::ffff:127.0.0.2', '[::1]'] }, ['127.0.0.2', '::1']],
  [{ hosts: ['no-such-host.invalid'] }, undefined],
  [{ hosts: ['127.0.0.2', 'no-such-host.invalid'] }, undefined],
  [{ interface: 'lo' }, expect.arrayContaining(['127.0.0.1'])],
  [{ interface: 'nosuch0' }, undefined],
  [{}, undefined],
])('the addresses of a service with %j: %j', async (where, addresses) => {
  expect(await lookUpPorts([{ name: 'x', port: 1, ...where }])).toEqual([{ name: 'x', port: 1, addresses }]);
});
