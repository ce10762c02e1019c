// The tables of the page: passes, deletions, refusals, waivers, limits, checks, warnings, runs, settings and who took part.

import { formatRate } from '../../amounts.js';
import { totalMs } from '../../forecast/forecast.js';
import { howItEnded } from '../../linux/shell-command.js';
import { PASS_PARTS } from '../../state/evidence/downtime.js';
import type { RunEvidence } from '../../state/evidence/runs.js';
import type { EvidenceDocument } from '../document.js';
import { LIMITED_BY, passesIn, passName } from '../figures.js';
import {
  bytesFigure,
  code,
  countFigure,
  detailLines,
  type Html,
  html,
  list,
  shareFigure,
  spanFigure,
  table,
  time,
} from './markup.js';
import { section } from './sections.js';

const card = (content: Html): Html => html`<div class="card">${content}</div>`;

const none = (text: string): Html => html`<p class="empty">${text}</p>`;

const number = (title: string) => ({ title, isNumber: true });

export function passes(document: EvidenceDocument): Html {
  const rows = passesIn(document).map((one) => {
    const { pass, times } = one;
    const name = (what: string): string => `pass-${passName(one)}-${what}`;
    const span = (what: keyof typeof times): Html | string =>
      times[what] === undefined ? '–' : spanFigure(name(what), times[what]);
    return [
      html`${passName(one)} <span class="state">${pass.state}</span>`,
      shareFigure(name('ratio'), pass.matchRatio),
      bytesFigure(name('bytesToDownload'), pass.bytesToDownload),
      bytesFigure(name('bytesReceived'), pass.bytesReceived),
      countFigure(name('filesDownloaded'), pass.filesDownloaded),
      countFigure(name('filesRemoved'), pass.filesRemoved),
      html`${pass.downloadFailures}, ${pass.filesChanged}, ${pass.filesVanished}`,
      ...PASS_PARTS.map(([field]) => span(field)),
      pass.forecast ? spanFigure(name('forecast'), totalMs(pass.forecast)) : '–',
    ];
  });
  const columns = [
    { title: 'Pass' },
    ...['Matching', 'To copy', 'Received', 'Entries', 'Removed', 'Failed, changed, vanished'].map(number),
    ...PASS_PARTS.map(([, name]) => number(`${name[0]!.toUpperCase()}${name.slice(1)}`)),
    number('Forecast of the downtime'),
  ];
  return section('Passes', card(rows.length > 0 ? table(columns, rows, 'compact') : none('No pass is recorded.')));
}

export function deletions(document: EvidenceDocument): Html {
  const rows = document.runs.flatMap((run) =>
    run.removals.map(({ iteration, entries, bytes, first }) => [
      html`${time(run.beganAtMs)}, pass ${iteration}`,
      countFigure(`removal-${run.run}-${iteration}`, entries),
      bytesFigure(`removal-bytes-${run.run}-${iteration}`, bytes),
      html`${first.map((key) => html`${code(key)}<br>`)}${entries > first.length ? html`<span class="soft">and ${entries - first.length} more</span>` : ''}`,
    ]),
  );
  const columns = [{ title: 'Copy' }, number('Entries'), number('Bytes'), { title: 'First' }];
  return section(
    'Removed at the destination',
    card(rows.length > 0 ? table(columns, rows) : none('Nothing was removed.')),
  );
}

export function refusals({ refusals: all }: EvidenceDocument): Html {
  const rows = all.map(({ atMs, command, message, details, hint }) => [
    time(atMs),
    `lm ${command}`,
    html`${message}${detailLines(details)}${hint === undefined ? '' : html`<p class="soft">${hint}</p>`}`,
  ]);
  const columns = [{ title: 'When' }, { title: 'Command' }, { title: 'Why' }];
  return section('Refusals', card(rows.length > 0 ? table(columns, rows) : none('No guard refused.')));
}

export function waivers({ waivers: all }: EvidenceDocument): Html {
  const rows = all.map(({ atMs, command, what, where = 'said when it was completed' }) => [
    time(atMs),
    `lm ${command}`,
    code(what),
    where,
  ]);
  const columns = [{ title: 'When' }, { title: 'Command' }, { title: 'What' }, { title: 'Where it came from' }];
  return section(
    'Waivers',
    card(rows.length > 0 ? table(columns, rows) : none('No guard was loosened, and no proof was waived.')),
  );
}

export function checks({ runs: all }: EvidenceDocument): Html {
  const rows = all.flatMap((run) =>
    run.checks.map(({ which, iteration, atMs, check }) => [
      time(atMs),
      `${which}, lm ${run.command}, pass ${iteration}`,
      code(check.command),
      html`<span class="badge ${check.exitCode === 0 ? 'good' : 'bad'}">${howItEnded({ code: check.exitCode, killedBy: check.signal })}</span>`,
      spanFigure(`check-${run.run}-${which}-${iteration}`, check.elapsedMs),
      check.lastLines.length > 0 ? html`${check.lastLines.map((line) => html`${code(line)}<br>`)}` : '–',
    ]),
  );
  if (rows.length === 0) return html``;
  const columns = [
    ...[{ title: 'When' }, { title: 'Which' }, { title: 'Command' }, { title: 'Result' }],
    ...[number('Took'), { title: 'Last lines' }],
  ];
  return section('Own checks', card(table(columns, rows)));
}

/** Those that held while a plot rises more slowly than the line would let it. */
export function limits({ runs: all }: EvidenceDocument): Html {
  const rows = all.flatMap(({ command, limits: held }) =>
    held.map(({ atMs, by, text, bytesPerSecond }) => [
      time(atMs),
      `lm ${command}`,
      bytesPerSecond === null ? 'none' : formatRate(bytesPerSecond),
      LIMITED_BY[by],
      code(text),
    ]),
  );
  if (rows.length === 0) return html``;
  const columns = [
    { title: 'From' },
    { title: 'Command' },
    number('Limit'),
    { title: 'Changed' },
    { title: 'As it was stated' },
  ];
  return section('Limits', card(table(columns, rows)));
}

const SHOWN_WARNINGS = 100;

export function warnings({ runs: all }: EvidenceDocument): Html {
  const rows = all.flatMap(({ command, warnings: said }) =>
    said.map(({ atMs, text, details = [] }) => [time(atMs), `lm ${command}`, html`${text}${detailLines(details)}`]),
  );
  if (rows.length === 0) return html``;
  const more = all.reduce((sum, run) => sum + run.moreWarnings, 0) + Math.max(0, rows.length - SHOWN_WARNINGS);
  const columns = [{ title: 'When' }, { title: 'Command' }, { title: 'Warning' }];
  const note = more > 0 ? `${more} more are not shown.` : undefined;
  return section('Warnings', card(table(columns, rows.slice(0, SHOWN_WARNINGS))), note);
}

export function runs({ runs: all }: EvidenceDocument): Html {
  const rows = all.map((run) => {
    const { command, beganAtMs, endedAtMs, exitCode, message = 'no end is recorded' } = run;
    return [
      time(beganAtMs),
      `lm ${command}`,
      endedAtMs === undefined ? '–' : spanFigure(`run-${run.run}`, endedAtMs - beganAtMs),
      exitCode === undefined ? '–' : html`<span class="badge ${exitCode === 0 ? 'good' : 'bad'}">${exitCode}</span>`,
      html`${message}<br><span class="soft">${run.run}, lm ${run.host?.lm ?? '?'} on Node ${run.host?.node ?? '?'}</span>`,
    ];
  });
  const columns = [
    { title: 'Began' },
    { title: 'Command' },
    number('Took'),
    { title: 'Exit code' },
    { title: 'How it ended' },
  ];
  return section('Commands', card(rows.length > 0 ? table(columns, rows) : none('No command is recorded.')));
}

export function settings({ runs: all }: EvidenceDocument): Html {
  const blocks = all.filter(({ settings: stated }) => stated.length > 0).map(settingsOf);
  return blocks.length === 0 ? html`` : section('Settings that are no defaults', card(html`${blocks}`));
}

function settingsOf({ command, beganAtMs, settings: stated }: RunEvidence): Html {
  const rows = stated.map(({ name, value, source, where }) => [
    code(name),
    code(typeof value === 'string' ? value : value.join(', ')),
    source === 'flag' ? where : `${where} (${source})`,
  ]);
  const columns = [{ title: 'Setting' }, { title: 'Value' }, { title: 'From' }];
  return html`<details><summary>lm ${command}, ${time(beganAtMs)}</summary>${table(columns, rows)}</details>`;
}

export function identities({ host, source, roots, manifest, earlier }: EvidenceDocument): Html {
  const rows: [string, Html | string][] = [
    ['Source', source ? code(source.url) : 'not known'],
    [
      'Agent of the source',
      source?.agentId ? code(source.agentId) : 'none: a Sidecar has no id, and is known by its URL',
    ],
    ['Machine of the source', source?.machine ? code(source.machine) : 'not told'],
    ['This host', host ? html`${host.name}, ${host.system}` : 'not known'],
    ['Machine of this host', host ? code(host.machine) : 'not known'],
    ['Directories here', html`${roots.map(({ key, path }) => html`${code(`${key} = ${path}`)}<br>`)}`],
    ['lm and Node here', host ? `${host.lm}, ${host.node}` : 'not known'],
    [
      'Manifest',
      manifest
        ? html`${manifest.files} files by ${manifest.algorithm}, ${time(manifest.atMs)}${manifest.outdated ? ', outdated by a later copy' : ''}`
        : 'none is kept',
    ],
    ...(earlier.length > 0 ? [['Earlier reports', list(earlier.map((name) => code(name)))] as [string, Html]] : []),
  ];
  const cells = rows.map(
    ([title, value]) =>
      html`<tr><th scope="row">${title}</th><td data-label="${title}"><span>${value}</span></td></tr>`,
  );
  return section(
    'Who took part',
    card(html`<table class="plain"><tbody>${cells}</tbody></table>`),
    'A machine is named by a hash of its own id.',
  );
}
