// What a client of an agent may be allowed. Decides nothing: a route says what it takes, a credential what it allows.

/** To see what is here and how it stands; to have files and digests; to change what goes on. */
export const PERMISSIONS = ['list', 'copy', 'manage'] as const;
export type Permission = (typeof PERMISSIONS)[number];
