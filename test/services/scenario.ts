// A scenario: steps that follow from one another, on services and hosts that end with it. A step after one that failed is not run.

import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test } from '@jest/globals';
import { removeTree } from '../support/tree.js';
import { Host } from './host.js';

/** A real service in a directory of its own. */
export interface Service {
  readonly dir: string;
  /** The end of what it has written. */
  readonly lastWords: string;
  kill(): Promise<void>;
}

export interface Scenario {
  /** A path in its directory. */
  path(...names: string[]): string;
  step(name: string, act: () => Promise<unknown>): void;
  /** One that this machine cannot do: listed at the end. */
  stepIf(can: boolean, name: string, lacking: string, act: () => Promise<unknown>): void;
  /** Takes a service in: it ends with the scenario, and its last words are told when a step fails. */
  service<S extends Service>(service: S): S;
  /** `under`: a program that its commands are run under. */
  host(name: string, under?: string[]): Host;
  /** Run at the end, last come first. */
  defer(cleanup: () => unknown): void;
}

/** `prefix`: how the name of its directory begins. */
export function scenario(name: string, prefix: string): Scenario {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  const cleanups: (() => unknown)[] = [() => removeTree(dir)];
  const defer = (cleanup: () => unknown): void => void cleanups.push(cleanup);
  const services: Service[] = [];
  let failed: string | undefined;
  const step = (title: string, act: () => Promise<unknown>): void =>
    test(`${name}: ${title}`, async () => {
      if (failed !== undefined) throw Object.assign(new Error(`not run, as "${failed}" failed`), { stack: 'not run' });
      failed = title;
      await act().catch((error: unknown) => {
        for (const service of services) process.stderr.write(`--- ${service.dir}\n${service.lastWords}\n`);
        throw error;
      });
      failed = undefined;
    });
  afterAll(async () => {
    for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup();
  });
  return {
    path: (...names) => join(dir, ...names),
    step,
    stepIf: (can, title, lacking, act) =>
      can ? step(title, act) : test.skip(`${name}: ${title}, for want of ${lacking}`, act),
    service(service) {
      services.push(service);
      defer(() => service.kill());
      return service;
    },
    host(of, under = []) {
      const host = new Host(join(dir, `${of}.lm`), under);
      defer(host.end);
      return host;
    },
    defer,
  };
}
