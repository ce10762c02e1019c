// Requests the status of the other end, and returns the source that it shows itself to be: an lm agent or a Sidecar.

import { excerpt, LmError } from '../errors.js';
import {
  AGENT_HEADER,
  AGENT_PROTOCOL,
  LINE_DIGESTS_HEADER,
  MAX_REQUESTS_HEADER,
  PACED_DIGESTS_HEADER,
  PAGES_HEADER,
  REOPENED_HEADER,
  SNAPSHOT_HEADER,
} from '../wire/routes.js';
import { Contact } from './contact.js';
import { isAboutToken } from './failure.js';
import { type Answer, createHttpClient } from './http-client.js';
import { lmSource } from './lm-source.js';
import { sidecarSource } from './sidecar/sidecar-source.js';
import { requestStatus, type Source, type SourceOptions } from './source.js';

/** In characters: the keys of more roots than any node has. */
const MAX_SNAPSHOT = 1_000;

/** An agent is known by a header of its status. A source that is COMPLETED is connected too. */
export async function connectSource(options: SourceOptions): Promise<Source> {
  const { emit } = options;
  const reportWait = (what: string, forMs: number, alive: boolean): void =>
    emit({ type: 'stalled', what, forMs, alive });
  const client = await createHttpClient({ ...options, reportWait });
  const contact = new Contact(emit);
  try {
    const { answer, status: firstStatus } = await requestStatus({ ...options, client, contact }, options.signal);
    const cap = Number(answer.header(MAX_REQUESTS_HEADER));
    const maxConcurrentFileRequests = Number.isInteger(cap) && cap > 0 ? cap : undefined;
    const reopened = answer.header(REOPENED_HEADER)?.slice(0, 100);
    const keepsPace = answer.header(PACED_DIGESTS_HEADER) !== undefined;
    const sendsPages = answer.header(PAGES_HEADER) !== undefined;
    const digestsLines = answer.header(LINE_DIGESTS_HEADER) !== undefined;
    const snapshot = answer.header(SNAPSHOT_HEADER)?.slice(0, MAX_SNAPSHOT);
    if (snapshot !== undefined) client.sendAlways({ [SNAPSHOT_HEADER]: snapshot });
    const abilities = { maxConcurrentFileRequests, keepsPace, sendsPages, digestsLines };
    const setup = { ...options, client, contact, firstStatus, reopened, snapshot, ...abilities };
    return isAgent(answer, client.origin) ? lmSource(setup) : sidecarSource(setup);
  } catch (error) {
    await client.close();
    throw await withTokenHint(error, options.tokenHint);
  }
}

async function withTokenHint(error: unknown, tokenHint: SourceOptions['tokenHint']): Promise<unknown> {
  if (!(error instanceof LmError) || !isAboutToken(error)) return error;
  const hint = await tokenHint?.();
  return hint === undefined ? error : new LmError(error.kind, error.message, { hint, cause: error });
}

function isAgent(answer: Answer, origin: string): boolean {
  const version = answer.header(AGENT_HEADER);
  if (version === undefined || version === `${AGENT_PROTOCOL}`) return version !== undefined;
  throw new LmError(
    'other-version',
    `${origin} speaks version ${excerpt(version)} of the native protocol, this lm speaks ${AGENT_PROTOCOL}`,
    {
      hint: 'run the same version of lm on both hosts',
    },
  );
}
