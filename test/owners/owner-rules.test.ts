import { expect, test } from '@jest/globals';
import { conflictIn, type OwnerRule, ownerRuleText, parseOwnerRule } from '../../src/owners/owner-rules.js';

test.each<[string, OwnerRule]>([
  ['numeric', 'numeric'],
  ['names', 'names'],
  ['cassandra=db', { kind: undefined, name: 'cassandra', to: 'db' }],
  ['cassandra=117', { kind: undefined, name: 'cassandra', to: 117 }],
  ['1234=db', { kind: undefined, name: '1234', to: 'db' }],
  ['user:a=b', { kind: 'user', name: 'a', to: 'b' }],
  ['group:müller=0', { kind: 'group', name: 'müller', to: 0 }],
])('%s is a rule, and written as it is read', (text, rule) => {
  expect(parseOwnerRule(text)).toEqual(rule);
  expect(ownerRuleText(rule)).toBe(text);
});

test.each([
  '',
  '=',
  'a',
  'a=',
  '=b',
  'a=b=c',
  'uid:a=b',
  'a:b=c',
  'root=a',
  '0=a',
  'group:00=a',
  'a=4294967295',
  'a\n=b',
  'a=b\u001b',
])('%j is none', (text) => {
  expect(parseOwnerRule(text)).toBeUndefined();
});

test.each<[string[], boolean]>([
  [['a=b', 'b=a'], false],
  [['user:a=b', 'group:a=c'], false],
  [['a=b', 'a=c'], true],
  [['a=b', 'a=b'], true],
  [['a=b', 'group:a=c'], true],
  [['numeric', 'a=b'], true],
  [['numeric', 'numeric'], true],
])('%j: whether two of them are about the same', (texts, clash) => {
  expect(conflictIn(texts.map((text) => parseOwnerRule(text)!)) !== undefined).toBe(clash);
});
