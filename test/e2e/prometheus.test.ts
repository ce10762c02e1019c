// The examples for Prometheus with a real one: it takes what lm writes and answers, and every query of the dashboard and of the alerts
// finds something.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { HAS_PROMETHEUS, promtool, startNodeExporter, startPrometheus } from '../support/prometheus.js';
import { sandbox } from '../support/sandbox.js';
import { file } from '../support/tree.js';

const isTested = process.env['CI'] !== undefined || HAS_PROMETHEUS ? test : test.skip;

const example = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../examples/prometheus/${name}`, import.meta.url)), 'utf8');

/** What Grafana puts in place of its variables. */
const queries = (JSON.parse(example('dashboard.json')).panels as { title: string; targets?: { expr: string }[] }[])
  .flatMap(({ targets = [] }) => targets)
  .map(({ expr }) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$migration', 'one'));

isTested('the metrics of both ends are what promtool calls well-formed, and the examples find them', async () => {
  const { source, destination, defer } = sandbox();
  const token = source.path('token');
  writeFileSync(token, 'a-token-for-prometheus', { mode: 0o600 });
  const from = source.write('srv', { a: 'a', big: file({ size: 9_000_000 }) });
  const agent = await source.serve([from, '--token-file', token]);
  const textfile = destination.path('textfile');
  mkdirSync(textfile);
  const exporter = await startNodeExporter(textfile);
  defer(exporter.stop);
  writeFileSync(`${destination.dir}/alerts.yml`, example('alerts.yml'));
  const config = example('prometheus.yml')
    .replace('10.0.0.2:9100', exporter.address)
    .replace('10.0.0.1:9043', new URL(agent.url).host)
    .replace('/etc/prometheus/lm-token', token)
    .replaceAll('_interval: 15s', '_interval: 1s');
  writeFileSync(destination.path('prometheus.yml'), config);
  promtool(['check', 'config', destination.path('prometheus.yml')]);
  const prometheus = await startPrometheus(destination.dir, config);
  defer(prometheus.stop);
  const found = async (expr: string) => {
    const { status, error, data } = await prometheus.query(expr);
    expect({ expr, status, error }).toEqual({ expr, status: 'success', error: undefined });
    return data!.result;
  };

  await until(async () => (await found('lm_agent_requests_refused_total{status="401"}')).length > 0); // a rise begins from there
  const to = destination.path('srv');
  const named = ['--instance', 'one', '--token-file', token, '--metrics-file'];
  const copied = await destination.lm(['copy', agent.url, to, ...named, `${textfile}/copy.prom`]);
  expect(copied).toMatchObject({ code: 0 });
  writeFileSync(`${to}/a`, 'b');
  expect(await destination.lm(['verify', ...named, `${textfile}/verify.prom`])).toMatchObject({ code: 4 });
  expect((await fetch(`${agent.url}/api/v1/live-migration/status`)).status).toBe(401);

  for (const expr of queries) await until(async () => (await found(expr)).length > 0);
  expect(queries.length).toBeGreaterThan(20);
  await until(async () => {
    const firing = await prometheus.firing();
    return firing.includes('LmRunFailed') && firing.includes('LmAgentRefuses');
  });
  const [failed, ...others] = await found('lm_run_exit_code > 0');
  expect(others).toEqual([]);
  expect(failed).toMatchObject({
    metric: { migration: 'one', command: 'verify', job: 'node' },
    value: [expect.any(Number), '4'],
  });
  expect(await found('up == 0')).toEqual([]);
  expect(await found('node_textfile_scrape_error == 1')).toEqual([]);

  for (const name of readdirSync(textfile)) promtool(['check', 'metrics'], readFileSync(`${textfile}/${name}`, 'utf8'));
  const own = await fetch(`${agent.url}/metrics`, { headers: { authorization: 'Bearer a-token-for-prometheus' } });
  promtool(['check', 'metrics'], await own.text());
});

isTested('a run that is heard of no more is an alert, and one that goes on or has ended is none', () => {
  const { dir } = sandbox();
  writeFileSync(`${dir}/alerts.yml`, example('alerts.yml'));
  const series = (command: string, inProgress: string, updated: string) => `
      - series: 'lm_run_in_progress{instance="new:9100", migration="one", command="${command}"}'
        values: '${inProgress}'
      - series: 'lm_updated_timestamp_seconds{instance="new:9100", migration="one", command="${command}"}'
        values: '${updated}'`;
  writeFileSync(
    `${dir}/test.yml`,
    `rule_files: [alerts.yml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:${series('copy', '1x40', '0+0x40')}${series('verify', '1x40', '0+15x40')}${series('ended', '0x40', '0+0x40')}
    alert_rule_test:
      - { eval_time: 2m, alertname: LmRunSilent, exp_alerts: [] }
      - eval_time: 3m
        alertname: LmRunSilent
        exp_alerts:
          - exp_labels: { severity: warning, instance: new:9100, migration: one, command: copy }
            exp_annotations:
              summary: lm copy on new:9100 has not been heard of for two minutes (one)
              description: Run it again; what was copied is kept.
`,
  );
  expect(promtool(['test', 'rules', `${dir}/test.yml`])).toContain('SUCCESS');
});
