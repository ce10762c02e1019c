// `lm report`: tells what a migration of this host did, also after its records were removed. Writes nothing but the files that it is told to.

import { resolve as absolute } from 'node:path';
import { LmError, printable } from '../errors.js';
import type { EvidenceDocument } from '../evidence/document.js';
import { findEvidence } from '../evidence/find.js';
import { readManifest, refuseManifest } from '../evidence/kept-manifest.js';
import { htmlPage } from '../evidence/page/page.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { createRenderer } from '../render/create-renderer.js';
import { resolve } from '../settings/resolve.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { writeReportFile } from '../state/evidence/report-file.js';
import { refuseUntrustedPath } from '../state/identity/trusted-records.js';
import { refuseInsideRoots } from '../trust/output-file.js';
import { reportText, writtenText } from './text/report-text.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('report', stated);
  const { stateDir, html, manifest } = settings;
  refuseUntrustedPath(stateDir);
  const { document, dir, untrusted } = findEvidence({ stateDir, name: settings.instance });
  if (html !== undefined && manifest !== undefined && isSameName(html, manifest))
    throw new LmError(
      'settings-conflict',
      `--html and --manifest both name ${printable(html)}: the one would take the place of the other`,
    );
  for (const [option, path] of [['--html', html] as const, ['--manifest', manifest] as const])
    if (path !== undefined) refuseInsideRoots(option, path, document.roots);
  if (manifest !== undefined) refuseManifest(document, dir);
  const renderer = createRenderer({ ...settings, ...io });
  try {
    if (settings.verbose) reportSettingsFile(settings, renderer.emit);
    if (untrusted !== undefined)
      renderer.emit({ type: 'warning', text: `somebody else could have written this evidence: ${untrusted}` });
    if (html !== undefined) writeReportFile('--html', html, [Buffer.from(htmlPage(document, Date.now()))]);
    if (manifest !== undefined) writeReportFile('--manifest', manifest, readManifest(dir));
    const written = { ...(html !== undefined && { html }), ...(manifest !== undefined && { manifest }) };
    renderer.print('summary', fields(document, written), linesOf(document, written));
    return EXIT.ok;
  } finally {
    renderer.close();
  }
}

const isSameName = (a: string, b: string): boolean => absolute(a) === absolute(b);

interface Written {
  html?: string;
  manifest?: string;
}

const fields = (document: EvidenceDocument, written: Written): Record<string, unknown> => ({
  command: 'report',
  report: document,
  written,
});

/** Whoever asked for a file is told of the file alone. */
const linesOf = (document: EvidenceDocument, written: Written): string[] =>
  written.html === undefined && written.manifest === undefined ? reportText(document) : writtenText(document, written);
