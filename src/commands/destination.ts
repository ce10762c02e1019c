// From the words of `copy` or `verify` to the destination they are about: settings, roots, records, and the way to the source.

import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { LmError } from '../errors.js';
import type { Roots } from '../files/roots.js';
import type { Io } from '../io.js';
import type { Origin } from '../pull/connection.js';
import { checkRootPaths, createRoot, homesIn, resolveRoot } from '../pull/guard-roots.js';
import type { SourceAddress } from '../pull/http-client.js';
import { commonSettings, resolve } from '../settings/resolve.js';
import { type StatedRoot, statedRoots } from '../settings/roots.js';
import { readCertificates, readSecret, readToken } from '../settings/secret.js';
import type { Stated } from '../settings/stated.js';
import type { FromSource, SettingsOf } from '../settings.js';
import { notAdopted, readAdoption } from '../state/adoption.js';
import { destinationRoots } from '../state/identity-file.js';
import { findInstance, type Instance, instanceName, openInstance, removeInstance } from '../state/instance.js';
import { readRemembered } from '../state/remembered.js';

export interface Destination<C extends 'copy' | 'verify'> {
  settings: SettingsOf[C];
  roots: Roots;
  /** Of `roots`, those that do not exist yet. */
  absent: Roots;
  instance: Instance;
  /** Whether the records begin with this command. */
  isNew: boolean;
}

/** Roots stated now, else those remembered; the records are found by them, by --instance, or because there is only one. */
export async function openDestination<C extends 'copy' | 'verify'>(
  command: C,
  stated: Stated,
  { cwd, env }: Io,
): Promise<Destination<C>> {
  const { stateDir, instance: name } = commonSettings(stated);
  const around = { stateDir, homes: homesOnThisHost(env.HOME) };
  const given = await realRoots(statedRoots(stated.layers).roots, cwd);
  await checkRootPaths(given, around);
  const role = 'destination';
  const known = findInstance({
    stateDir,
    role,
    name: name ?? (given.length > 0 ? instanceName(role, given) : undefined),
  });
  const settings = resolve(command, stated, known && readRemembered(known.dir));
  const instance = given.length > 0 ? openInstance({ stateDir, role, name, roots: given }) : known;
  if (!instance)
    throw new LmError('usage', 'no directory is given', { hint: `lm ${command} http://SOURCE:9043 /srv/data` });
  const roots = given.length > 0 ? given : await realRoots(settings.roots, cwd);
  await checkRootPaths(roots, around);
  return { settings, roots, absent: roots.filter(({ path }) => !exists(path)), instance, isNew: !known };
}

async function realRoots(stated: readonly StatedRoot[], cwd: string): Promise<Roots> {
  return Promise.all(
    stated.map(async ({ type, index, path }) => ({
      key: `${type}/${index}`,
      type,
      index,
      path: (await resolveRoot(path, cwd)).path,
    })),
  );
}

/** Without a list of accounts, as in some containers, $HOME is looked at all the same. */
export function homesOnThisHost(home: string | undefined): string[] {
  const accounts = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '';
  return homesIn(accounts, home);
}

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** All, or none. */
export async function createRoots(absent: Roots): Promise<void> {
  const made: string[] = [];
  try {
    for (const { path } of absent) if (await createRoot(path)) made.push(path);
  } catch (error) {
    for (const path of made) rmdirSync(path);
    throw error;
  }
}

/**
 * Takes back what a run that was not admitted has made. A root of its making is closed to all but its owner, and the next run would
 * take it for the operator's; its records would be a migration to choose from.
 */
export function withdraw({ absent, instance, isNew }: Destination<'copy'>): void {
  try {
    const adoption = readAdoption(instance.dir);
    const made = destinationRoots(absent.filter(({ path }) => exists(path)));
    for (const { path } of notAdopted(adoption, made)) rmdirSync(path);
    if (isNew && !adoption) removeInstance(instance);
  } catch {} // what ended the run is told instead
}

/** The source's address with all secrets read: what undici and the lanes are given. */
export function addressOf({ url, tokenFile, tls }: Pick<FromSource, 'url' | 'tokenFile' | 'tls'>): SourceAddress {
  const address = {
    url: url.origin,
    token: tokenFile && readToken(tokenFile),
    caCert: tls.caCert && readCertificates(tls.caCert),
    clientCert: tls.clientCert && readCertificates(tls.clientCert),
    clientKey: tls.clientKey && readSecret(tls.clientKey),
  };
  checkTls(address);
  return address;
}

/** Here, because a handshake would pass over a file without a certificate, and call a key of another one a bug. */
function checkTls({ caCert: ca, clientCert: cert, clientKey: key }: SourceAddress): void {
  try {
    if (ca !== undefined) new X509Certificate(ca);
    if (cert !== undefined) createSecureContext({ cert, key });
  } catch (cause) {
    const which = cert === undefined ? '--ca-cert' : '--ca-cert, --client-cert or --client-key';
    throw new LmError('usage', `${which} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

export function originOf({ url: text, token, caCert: ca, clientCert: cert, clientKey: key }: SourceAddress): Origin {
  const url = new URL(text);
  const secure = url.protocol === 'https:';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 443 : 80)),
    ...(secure && { tls: { ca, cert, key } }),
    ...(token !== undefined && { token }),
  };
}
