// Before the first scenario: tells scenarios by the environment where PostgreSQL lies.

import { binaries, lacking, versionOf } from './prerequisites.js';

export default function setup() {
  const lacks = lacking();
  if (lacks !== '') throw new Error(`no real PostgreSQL can be moved here, for want of ${lacks}`);
  process.env.LM_POSTGRES = binaries();
  process.env.LM_SERVICE = `PostgreSQL ${versionOf(binaries())}`;
}
