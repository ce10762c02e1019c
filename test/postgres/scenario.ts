// A scenario with PostgreSQL clusters, in directories that their account may use.

import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import * as services from '../services/scenario.js';
import { GID, UID } from './account.js';
import { Cluster, type ClusterSettings } from './cluster.js';

export interface Scenario extends services.Scenario {
  /** Makes one that belongs to the account; returns its path. */
  directory(...names: string[]): string;
  cluster(name: string, settings: ClusterSettings): Cluster;
}

export function scenario(name: string): Scenario {
  const base = services.scenario(name, 'lm-postgres-');
  chmodSync(base.path(), 0o711);
  const directory = (...names: string[]): string => {
    const dir = base.path(...names);
    mkdirSync(dir);
    chownSync(dir, UID, GID);
    return dir;
  };
  return {
    ...base,
    directory,
    cluster: (of, settings) => base.service(new Cluster(directory(of), settings)),
  };
}

/** What examples/postgresql says is not to be copied. */
export const EXCLUDED: readonly string[] = ['postmaster.pid', 'postmaster.opts', 'pgsql_tmp', 'data/*/pg_stat_tmp/*'];
