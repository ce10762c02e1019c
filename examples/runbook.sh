#!/usr/bin/env bash
# A migration from the new host, driven by exit codes alone. Settings: see destination.yaml; the agent runs on the source.
#
#   ./runbook.sh warm     while the source is live; run it as often as you like
#   ./runbook.sh final    once its service is stopped: the last pass, the proof, the mark of completion
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
  case $? in
    0) echo "close enough: stop the service on the source, then: $0 final" ;;
    3) echo "not there yet: run '$0 warm' again, or accept a longer final pass with a lower threshold" ;;
    6) echo "a guard refused: read its message above before anything else"; return 6 ;;
    9) echo "another copy is running on this host"; return 9 ;;
    *) return 1 ;;
  esac
}

final() {
  patiently lm copy --threshold 1.0 || { echo "the final pass did not reach 1.0 (exit code $?)" >&2; return 1; }
  patiently lm verify --algo xxhash32
  case $? in
    0) ;;
    4) echo "the two sides differ: every path is listed above; do not start the service here" >&2; return 4 ;;
    *) return 1 ;;
  esac
  lm complete || return 1
  echo "complete here: run 'lm complete' on the source, then start the service on this host"
}

case ${1:-} in
  warm | final) "$1" ;;
  *) echo "usage: $0 warm|final" >&2; exit 2 ;;
esac
