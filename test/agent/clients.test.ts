import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { type Client, createClients } from '../../src/agent/clients.js';

let reported: (string | [Client, number])[];

beforeEach(() => {
  reported = [];
  jest.useFakeTimers({ now: 1_000_000 });
});

afterEach(() => {
  jest.useRealTimers();
});

const start = () =>
  createClients({
    arrived: (address) => reported.push(address),
    left: (client, idleMs) => reported.push([client, idleMs]),
    goneMs: 60_000,
  });

test('a client arrives with its first request, and has left a minute after its last', () => {
  const clients = start();
  const end = clients.begin('10.0.0.2');
  expect(reported.splice(0)).toEqual(['10.0.0.2']);
  clients.sent('10.0.0.2', 1_000);
  jest.advanceTimersByTime(120_000); // under way all the time
  end();
  clients.begin('10.0.0.2')();
  expect(reported).toEqual([]);
  jest.advanceTimersByTime(70_000);
  expect(reported).toEqual([
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

test('clients that are still there at the end are reported as left', () => {
  const clients = start();
  clients.begin('a');
  clients.close();
  expect(reported).toEqual(['a', [expect.objectContaining({ address: 'a' }), 0]]);
});
