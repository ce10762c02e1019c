#!/usr/bin/env bash
# A --pre-check for the move of a Cassandra node: asks the cluster, through one of its other nodes, before every pass.
#
#   lm copy … --pre-check "NODETOOL='ssh cassandra3 nodetool' /etc/lm/pre-check-cassandra.sh"
#
# Below 1.0 the source must be up and normal (UN); in a final pass it must be down (DN). This host must not be in the ring at all: as long
# as it is not, nothing that is removed or replaced here can be a row of the cluster. Ends with 0 when that is so, and says why else.
# LM_SOURCE and LM_THRESHOLD come from lm.
set -uo pipefail

nodetool=${NODETOOL:-nodetool} # of a node that is neither the source nor this host; may be several words
source=${CASSANDRA_SOURCE:-${LM_SOURCE:?is set by lm, or say CASSANDRA_SOURCE=ADDRESS}}
here=${CASSANDRA_HERE:-$(hostname -I)}

refuse() {
  echo "$1"
  exit 1
}

# shellcheck disable=SC2086
ring=$($nodetool status 2>&1) || refuse "$nodetool status failed: $(tail -n 1 <<<"$ring")"

# The state of an address in the ring, such as UN or DN; nothing where it is not in it.
state_of() {
  awk -v address="$1" '$2 == address && $1 ~ /^[UD][NLJM]$/ { print $1 }' <<<"$ring"
}

grep -qE '^U[NLJM] ' <<<"$ring" || refuse "$nodetool status shows no node that is up"

for address in $here; do
  state=$(state_of "$address")
  [ -z "$state" ] || refuse "this host is in the ring: $state $address"
done

found=
for address in "$source" $(getent ahosts "$source" | awk '{ print $1 }' | sort -u); do
  state=$(state_of "$address")
  [ -z "$state" ] || found="$state $address"
done
[ -n "$found" ] || refuse "the source ($source) is not in the ring"

case "${LM_THRESHOLD:-0},$found" in
  1,DN\ *) ;;
  1,*) refuse "the source is still up: $found; nodetool drain and stop it before the final pass" ;;
  *,UN\ *) ;;
  *) refuse "the source is not up and normal: $found" ;;
esac
