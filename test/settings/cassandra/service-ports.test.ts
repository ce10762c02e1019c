// The ports of a service, from cassandra.yaml and the operator's settings.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { servicePorts } from '../../../src/settings/cassandra/service-ports.js';
import { resolve } from '../../../src/settings/resolve.js';
import { makeDirectory, refusalOf, state } from '../../support/settings.js';

const DIRS = 'data_file_directories: [/d]\nhints_directory: /h\ncommitlog_directory: /l\nsaved_caches_directory: /s\n';

async function portsOf(yaml: string, flags: Record<string, string | string[]> = {}) {
  const cwd = makeDirectory();
  writeFileSync(join(cwd, 'cassandra.yaml'), DIRS + yaml);
  const given = { flags: { 'cassandra-yaml': 'cassandra.yaml', ...flags }, cwd };
  return servicePorts(resolve('serve', await state({ command: 'serve', ...given })));
}

const DEFAULTS = [
  { name: 'native_transport_port', port: 9042 },
  { name: 'storage_port', port: 7000 },
  { name: 'ssl_storage_port', port: 7001 },
  { name: 'JMX', port: 7199 },
];

test.each<[yaml: string, flags: Record<string, string | string[]>, ports: object[]]>([
  ['', {}, DEFAULTS],
  ['rpc_address:\nlisten_address:\nstorage_port:\n', {}, DEFAULTS],
  ['native_transport_port: "9042"\n', {}, DEFAULTS], // as a template may have it, and Cassandra takes it
  [
    'rpc_address: 10.0.0.1\nlisten_address: 10.0.0.2\nnative_transport_port_ssl: 9142\nstorage_port: 7010\nssl_storage_port: 7011\n',
    {},
    [
      { name: 'native_transport_port', port: 9042, hosts: ['10.0.0.1'] },
      { name: 'native_transport_port_ssl', port: 9142, hosts: ['10.0.0.1'] },
      { name: 'storage_port', port: 7010, hosts: ['10.0.0.2'] },
      { name: 'ssl_storage_port', port: 7011, hosts: ['10.0.0.2'] },
      { name: 'JMX', port: 7199 },
    ],
  ],
  [
    'rpc_interface: eth0\nlisten_interface: eth1\n',
    {},
    [
      { name: 'native_transport_port', port: 9042, interface: 'eth0' },
      { name: 'storage_port', port: 7000, interface: 'eth1' },
      { name: 'ssl_storage_port', port: 7001, interface: 'eth1' },
      { name: 'JMX', port: 7199 },
    ],
  ],
  [
    'listen_address: 10.0.0.2\nbroadcast_address: 1.2.3.4\nlisten_on_broadcast_address: true\n',
    { 'jmx-port': '127.0.0.1:7299', 'guard-port': ['9160', '[::1]:9161'] },
    [
      { name: '--guard-port', port: 9160 },
      { name: '--guard-port', port: 9161, hosts: ['::1'] },
      { name: 'native_transport_port', port: 9042 },
      { name: 'storage_port', port: 7000, hosts: ['10.0.0.2', '1.2.3.4'] },
      { name: 'ssl_storage_port', port: 7001, hosts: ['10.0.0.2', '1.2.3.4'] },
      { name: 'JMX', port: 7299, hosts: ['127.0.0.1'] },
    ],
  ],
  ['broadcast_address: 1.2.3.4\n', {}, DEFAULTS],
  // An interface and a broadcast address together name no single address.
  ['listen_interface: eth1\nbroadcast_address: 1.2.3.4\nlisten_on_broadcast_address: true\n', {}, DEFAULTS],
])('cassandra.yaml has %j, the operator states %j', async (yaml, flags, ports) => {
  expect(await portsOf(yaml, flags)).toEqual(ports);
});

test('without cassandra.yaml: stated ports only, JMX included', async () => {
  const settings = async (flags: Record<string, string | string[]>) =>
    servicePorts(resolve('serve', await state({ command: 'serve', dir: '/d', flags })));
  expect(await settings({})).toEqual([]);
  expect(await settings({ 'jmx-port': '7199', 'guard-port': ['9042'] })).toEqual([
    { name: '--guard-port', port: 9042 },
    { name: 'JMX', port: 7199 },
  ]);
});

test.each(['0', '65536', ':9042', 'host:', '127.0.0.1:0', '1.2.3.4', 'a b:9042', ''])(
  'a port to guard is not %j',
  async (word) => {
    const refusal = await refusalOf(() => state({ command: 'serve', dir: '/d', flags: { 'guard-port': [word] } }));
    expect(refusal).toMatchObject({ code: 'usage' });
  },
);
