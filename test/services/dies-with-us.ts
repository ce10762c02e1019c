// What every process of the suite is run under, which becomes it: however the suite ends, by a SIGKILL too, its processes end.

export const DIES_WITH_US: readonly string[] = ['setpriv', '--pdeathsig', 'KILL'];
