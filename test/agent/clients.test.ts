import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { type Client, createClients } from '../../src/agent/clients.js';

let said: (string | [Client, number])[];

beforeEach(() => {
  said = [];
  jest.useFakeTimers({ now: 1_000_000 });
});

afterEach(() => {
  jest.useRealTimers();
});

const start = () =>
  createClients({
    came: (address) => said.push(address),
    went: (client, idleMs) => said.push([client, idleMs]),
    goneMs: 60_000,
  });

test('a client comes with its first request, and is gone a minute after its last', () => {
  const clients = start();
  const end = clients.begin('10.0.0.2');
  expect(said.splice(0)).toEqual(['10.0.0.2']);
  clients.sent('10.0.0.2', 1_000);
  jest.advanceTimersByTime(120_000); // under way all the time
  end();
  clients.begin('10.0.0.2')();
  expect(said).toEqual([]);
  jest.advanceTimersByTime(70_000);
  expect(said).toEqual([
    [expect.objectContaining({ address: '10.0.0.2', requests: 2, bytes: 1_000, sinceMs: 1_000_000 }), 60_000],
  ]);
  expect(clients.list()).toEqual([]);
  expect(jest.getTimerCount()).toBe(0);
});

test('the rate is that of the last ten seconds', () => {
  const clients = start();
  clients.begin('a');
  for (let i = 0; i < 20; i++) {
    clients.sent('a', 500);
    clients.sent('a', 500);
    jest.advanceTimersByTime(1_000);
  }
  const [{ bytesPerSecond, bytes }] = clients.list() as [Client];
  expect(bytes).toBe(20_000);
  expect(bytesPerSecond).toBeGreaterThanOrEqual(900);
  expect(bytesPerSecond).toBeLessThanOrEqual(1_000);
  jest.advanceTimersByTime(11_000);
  expect(clients.list()).toMatchObject([{ bytesPerSecond: 0 }]);
});

test('those who are still there at the end are told of as well', () => {
  const clients = start();
  clients.begin('a');
  clients.close();
  expect(said).toEqual(['a', [expect.objectContaining({ address: 'a' }), 0]]);
});
