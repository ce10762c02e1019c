// Shows how migrations stand while that changes: on a terminal as one block that is drawn in its place; elsewhere, what has changed is told
// anew, of what is on its way a line.

import type { Io } from '../../io.js';
import { createRenderer } from '../../render/create-renderer.js';
import { createScreen } from '../../render/screen.js';
import { exitName } from '../../render/summary.js';
import type { StatusSettings } from '../../settings/settings.js';
import { NEXT_LINES } from '../text/next-text.js';
import { clientText, fieldsOf, migrationLines, noneText, progressText } from '../text/status-text.js';
import type { Local, Told } from './look.js';

export interface View {
  isScreen: boolean;
  /** Tells nothing when nothing has changed. */
  show(all: readonly Told[]): void;
  /** The last that is told of it. */
  end(exitCode: number): void;
  /** However it ended. */
  close(): void;
}

export function createView(settings: StatusSettings, io: Io): View {
  const isScreen = io.stdout.isTTY === true && io.env['TERM'] !== 'dumb' && !settings.json;
  return isScreen ? screenView(settings, io) : streamView(settings, io);
}

function screenView(settings: StatusSettings, { stdout }: Io): View {
  const screen = createScreen(stdout);
  return {
    isScreen: true,
    show(all) {
      const lines = all.flatMap((one) => migrationLines(one, settings.history));
      screen.draw(lines.length > 0 ? lines : [noneText(settings)], all.at(-1)?.next ? NEXT_LINES : 0);
    },
    end() {},
    close: screen.close,
  };
}

/** `''` stands for no migration at all. */
function streamView(settings: StatusSettings, io: Io): View {
  const { json, history } = settings;
  const renderer = createRenderer({ ...settings, ...io });
  const before = new Map<string, { whole: string; settled: string }>();
  let count = 0;
  const showOne = (one: Told): void => {
    const known = before.get(one.instance);
    const now = { whole: JSON.stringify(one), settled: settled(one) + JSON.stringify([one.source, one.next]) };
    before.set(one.instance, now);
    if (known?.whole === now.whole) return;
    const at = timeText();
    const lines = known?.settled === now.settled ? movingLines(one) : [at, ...migrationLines(one, history)];
    if (json || lines.length > 0) renderer.print('migration', fieldsOf(one, history), lines);
  };
  return {
    isScreen: false,
    show(all) {
      count = all.length;
      for (const name of before.keys())
        if (!all.some(({ instance }) => instance === name) && name !== '') before.delete(name);
      if (all.length > 0) before.delete('');
      else if (!before.has('')) {
        before.set('', { whole: '', settled: '' });
        renderer.print('none', {}, [noneText(settings)]);
      }
      all.forEach(showOne);
    },
    end: (exitCode) =>
      renderer.print('summary', { command: 'status', exitCode, result: exitName(exitCode), migrations: count }, []),
    close: renderer.close,
  };
}

/** What tells of a migration but how far a run is, and how fast an agent sends. */
export function settled({ progress: _, agents = [], ...status }: Local): string {
  const served = agents.map(({ clients = [], ...agent }) => ({
    ...agent,
    clients: clients.map(({ address }) => address),
  }));
  const { source: __, next: ___, ...local } = { source: null, next: null, ...status };
  return JSON.stringify([local, served]);
}

function movingLines({ instance, progress, agents = [] }: Told): string[] {
  const clients = agents.flatMap((agent) => agent.clients ?? []);
  const texts = [
    ...(progress ? [progressText(progress)] : []),
    ...clients.map((client) => `client ${clientText(client)}`),
  ];
  return texts.map((text) => `${timeText()}  ${instance}: ${text}`);
}

const timeText = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');
