#!/usr/bin/env bash
# A migration from the new host, driven by exit codes alone. Settings: see destination.yaml; the agent runs on the source.
# It ends with the exit code of the lm command that ended it.
#
#   ./runbook.sh warm     while the source is live; run it as often as you like
#   ./runbook.sh final    once its service is stopped: the last pass, the proof, the mark of completion; again, it changes nothing
set -uo pipefail

# Runs a command again while the source cannot be reached (5): what was copied is kept.
patiently() {
  local code
  for attempt in 1 2 3 4 5 6; do
    "$@"
    code=$?
    [ "$code" -eq 5 ] || return "$code"
    echo "attempt $attempt: the source cannot be reached, trying again in 30 s" >&2
    sleep 30
  done
  return "$code"
}

warm() {
  patiently lm copy --threshold 0.95
  local code=$?
  case $code in
    0) echo "close enough: stop the service on the source, then: $0 final" ;;
    3) echo "not there yet: run '$0 warm' again, or accept a longer final pass with a lower threshold" >&2 ;;
    6) echo "a guard refused: read its message above before anything else" >&2 ;;
    9) echo "another copy is running on this host" >&2 ;;
  esac
  return "$code"
}

complete_here() {
  lm instances --json | grep -q '"role":"destination".*"completion":{"state":"COMPLETED"'
}

final() {
  if complete_here; then
    lm complete # which says since when
    return
  fi
  patiently lm copy --threshold 1.0 && patiently lm verify --algo xxhash32 && patiently lm complete
  local code=$?
  case $code in
    0) echo "complete here: run 'lm complete' on the source, then start the service on this host" ;;
    3) echo "not all has come, as the lines above say: run '$0 final' again" >&2 ;;
    6) echo "a guard refused, as when the source's service still runs: read its message above before anything else" >&2 ;;
    4) echo "the two sides differ: every path is listed above; do not start the service here. Run what the last line says" >&2 ;;
    *) echo "not complete: do not start the service here" >&2 ;;
  esac
  return "$code"
}

case ${1:-} in
  warm | final) "$1" ;;
  *) echo "usage: $0 warm|final" >&2; exit 2 ;;
esac
