#!/usr/bin/env bash
# An --at-rest-check for a PostgreSQL cluster: whether it was shut down in order, so that its tables have all that its log has.
#
#   lm serve … --at-rest-check /etc/lm/at-rest-postgresql.sh
#
# Ends with 0 when that is so, and says why else. It takes whoever may read the data directory: PGDATA, or the first directory in LM_ROOTS,
# which comes from lm. PGBIN says where PostgreSQL's programs are, if not where Debian has them.
set -uo pipefail

data=${PGDATA:-${LM_ROOTS%%:*}}

refuse() {
  echo "$1"
  exit 1
}

version=$(cat "$data/PG_VERSION" 2>/dev/null) || refuse "$data is no data directory: it has no PG_VERSION"
bin=${PGBIN:-/usr/lib/postgresql/$version/bin}
control=$(LC_ALL=C "$bin/pg_controldata" -D "$data" 2>&1) || refuse "$bin/pg_controldata failed: $(tail -n 1 <<<"$control")"
state=$(sed -n 's/^Database cluster state: *//p' <<<"$control")

case $state in
  'shut down' | 'shut down in recovery') ;;
  *) refuse "$data was not shut down in order, it says: ${state:-nothing}; start it and pg_ctl stop -m fast" ;;
esac
