import { expect, test } from '@jest/globals';
import { nextStep, type Situation } from '../../src/advice/next-step.js';
import { stepText } from '../../src/advice/step.js';
import { copyReport, iteration, verifyReport } from '../render/samples.js';

const nothing: Situation = {
  ...{ role: 'destination', completed: false, isServed: false, source: 'not-complete', isMapped: false },
  ...{ isFinal: false, isVerified: false, isCheckMissing: false, damaged: 0 },
};

const copied = (exitCode: number, successThreshold: number) => ({
  copied: { exitCode, message: '97 % match', report: copyReport({ successThreshold, status: [iteration()] }) },
});
const final = { ...copied(0, 1), isFinal: true };
const verified = (exitCode: number, fields: Parameters<typeof verifyReport>[0] = {}) => ({
  isFinal: true,
  verified: { exitCode, message: 'what it found', report: verifyReport(fields) },
});
const proved = { ...verified(0), isVerified: true };
const stopped = (command: 'copy' | 'verify' | 'complete', exitCode?: number) => ({
  stopped: { command, ...(exitCode !== undefined && { exitCode, message: 'no', hint: 'do this' }) },
});

test.each<[string, Partial<Situation>, string, RegExp]>([
  ['nothing was copied', {}, 'lm copy', /nothing that lm has copied/],
  ['a copy runs', { ...final, atWork: 'lm copy (pid 7)' }, 'lm status --watch', /^lm copy \(pid 7\) is at work/],
  [
    'below the threshold',
    copied(3, 0.9),
    'lm copy again; what was copied is kept. A source .*',
    /ended with 3 .*: 97 % match$/,
  ],
  [
    'the threshold is met',
    copied(0, 0.9),
    'stop the service on the source, then lm copy --threshold 1\\.0',
    /^the last lm copy ended with 0: 97 % match$/,
  ],
  ['the final pass has ended', final, 'lm verify', /ended with 0/],
  ['the report of it is lost', { isFinal: true }, 'lm verify', /nothing proves it yet/],
  ['the final pass is verified', proved, 'lm complete on both hosts, .*', /^a verification after the final pass found/],
  [
    'a later copy was refused before it began',
    { ...proved, ...stopped('copy', 6) },
    'lm complete on both.*',
    /every entry equal/,
  ],
  [
    'there are differences',
    verified(4, { digestMismatches: 1 }),
    'lm verify --repair, which .*',
    /ended with 4 .*what it found$/,
  ],
  [
    'a verification before the final pass',
    { ...verified(0, { beforeFinalPass: true }), isFinal: false, isVerified: true },
    'stop the service on the source, then lm copy --threshold 1\\.0, then lm verify again',
    /ended with 0/,
  ],
  [
    'the post-check failed',
    { ...proved, isCheckMissing: true },
    'see to what the post-check found, .*',
    /post-check has not/,
  ],
  ['an SSTable is damaged', { ...proved, damaged: 1 }, 'repair the source .*', /1 SSTable was damaged at the source/],
  [
    'a guard has refused',
    { ...copied(0, 0.9), ...stopped('copy', 6) },
    'see to what the message names, then lm copy again.*',
    /ended with 6 \(a guard refused\): no; do this$/,
  ],
  [
    'the source was lost',
    { ...copied(0, 0.9), ...stopped('copy', 5) },
    'lm copy again.*',
    /ended with 5 .*: no; do this$/,
  ],
  [
    'a signal came',
    { ...final, ...stopped('verify', 130) },
    'lm verify again; with --incremental .*',
    /ended with 130/,
  ],
  [
    'a run was cut off',
    { ...final, ...stopped('verify') },
    'lm verify again; .*',
    /lm verify has recorded no end: it was cut off/,
  ],
  [
    'lm complete refused what is not proved',
    { ...final, ...stopped('complete', 6) },
    'lm verify',
    /lm copy ended with 0/,
  ],
  [
    'lm complete refused what is proved',
    { ...proved, ...stopped('complete', 6) },
    'see to .*, then lm complete again',
    /lm complete ended with 6/,
  ],
  [
    'complete here',
    { ...proved, completed: true },
    'lm complete on the source, .*, then start the service here, then lm reset on both .*',
    /complete on this host/,
  ],
  [
    'complete on both hosts',
    { completed: true, source: 'complete' },
    'start the service here, then lm reset on both hosts when nothing .*',
    /complete/,
  ],
  [
    'complete, and mapped',
    { completed: true, source: 'complete', isMapped: true },
    '.*lm reset on both hosts when the pair is out of the map',
    /complete/,
  ],
  [
    'complete, and the source is silent',
    { completed: true, source: { error: 'gone' } },
    'lm complete on the source, .*\\(it cannot be asked: gone\\), then start.*',
    /complete/,
  ],
  [
    'complete, from a directory of this host',
    { completed: true, source: { directory: '/srv/old' } },
    'keep the service of /srv/old from starting again, then start it here, then lm reset, when nothing .*',
    /complete/,
  ],
  ['the source, without an agent', { role: 'source' }, 'lm serve, with the options .*', /no agent runs here/],
  [
    'the source, served',
    { role: 'source', isServed: true },
    'see lm complete pass on the destination, then lm complete',
    /completed last/,
  ],
  [
    'the source, complete',
    { role: 'source', completed: true },
    'start the service on the destination, if .*, then lm reset, .*',
    /the source$/,
  ],
])('%s', (_, situation, text, why) => {
  const advice = nextStep({ ...nothing, ...situation });
  expect(stepText(advice.step)).toMatch(new RegExp(`^${text}$`));
  expect(advice.why).toMatch(why);
});
