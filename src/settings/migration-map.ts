// Which role this host has in the Sidecar's migration_map, and who its partner is. Asks no name server.

/** What the map says about this host. */
export interface Migration {
  /** Where the map stands: `lm.yaml:4`. */
  where: string;
  /** Names and addresses this host was looked up by. */
  names: string[];
  role: 'source' | 'destination' | undefined;
  /** As the map has them. */
  pair: { source: string; destination: string } | undefined;
}
