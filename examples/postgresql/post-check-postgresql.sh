#!/usr/bin/env bash
# A --post-check for a PostgreSQL cluster: reads every page here, in the tablespaces too, and compares it with its checksum.
#
#   lm copy … --post-check /etc/lm/post-check-postgresql.sh
#
# Below 1.0 it does nothing: a copy from a cluster that runs is no cluster yet. A cluster without checksums (initdb before 18 without
# --data-checksums) has nothing to compare, which it says. PGDATA or the first directory in LM_ROOTS is the data directory, PGBIN says
# where PostgreSQL's programs are, if not where Debian has them. LM_ROOTS and LM_THRESHOLD come from lm.
set -uo pipefail

[ "${LM_THRESHOLD:-1}" = 1 ] || exit 0

data=${PGDATA:-${LM_ROOTS%%:*}}

refuse() {
  echo "$1"
  exit 1
}

# A link to what was not copied would have another host's path, or nothing, checked.
for link in "$data"/pg_tblspc/*; do
  [ -L "$link" ] || continue
  case ":$LM_ROOTS:" in
    *":$(readlink "$link"):"*) ;;
    *) refuse "the tablespace $link leads to $(readlink "$link"), which is no root of this copy" ;;
  esac
done

version=$(cat "$data/PG_VERSION" 2>/dev/null) || refuse "$data is no data directory: it has no PG_VERSION"
bin=${PGBIN:-/usr/lib/postgresql/$version/bin}
control=$(LC_ALL=C "$bin/pg_controldata" -D "$data" 2>&1) || refuse "$bin/pg_controldata failed: $(tail -n 1 <<<"$control")"
if grep -qE '^Data page checksum version: +0$' <<<"$control"; then
  echo "$data has no checksums, so none was compared"
  exit 0
fi
exec "$bin/pg_checksums" --check -D "$data"
