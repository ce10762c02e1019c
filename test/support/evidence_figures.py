"""Works out, from a file of evidence alone, the figures that the page of `lm report` shows: {name: [value, text]}."""

import json
import sys
import zlib
from decimal import ROUND_HALF_UP, Decimal


def records(path):
    for line in open(path, "rb"):
        body, seal = line[:-19] + b"}", json.loads(line)["sum"]
        assert "%08x" % zlib.crc32(body) == seal, line
        yield json.loads(line)


def tenths(n):
    return str(Decimal(n).quantize(Decimal("0.1"), ROUND_HALF_UP))


def size(n):
    if n < 0:
        return "?"
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    unit = 0
    while n >= (1024 if unit == 0 else 1023.95):
        n, unit = n / 1024, unit + 1
    return "%d B" % n if unit == 0 else "%s %s" % (tenths(n), units[unit])


def count(n):
    return "?" if n < 0 else "{:,}".format(n).replace(",", "\u202f")


def share(r):
    return "100 %" if r >= 1 else "%g %%" % (min(int(r * 10000 + 1e-9), 9999) / 100)


def span(ms):
    assert ms < 60_000, "the test is to be over by then"
    return tenths(ms / 1000) + " s" if ms < 10_000 else "%ds" % -(-ms // 1000)


FORMATS = {"bytes": size, "count": count, "share": share, "span": span}
figures = {}


def tell(name, kind, value):
    figures[name] = [value, FORMATS[kind](value)]


runs, copies, completed = {}, [], None
for one in records(sys.argv[1]):
    kind, run = one["type"], one.get("run")
    if kind == "run-started":
        runs[run] = {"began": one["at"], "command": one["command"], "settings": one["settings"], "passes": [], "checks": []}
        if one["command"] == "copy":
            copies.append(run)
    elif kind == "pass":
        runs[run]["passes"].append(one)
    elif kind == "checked":
        runs[run]["checks"].append(one)
    elif kind == "removed":
        tell("removal-%s-%d" % (run, one["iteration"]), "count", one["entries"])
        tell("removal-bytes-%s-%d" % (run, one["iteration"]), "bytes", one["bytes"])
    elif kind in ("verified", "copied", "run-ended"):
        runs[run][kind] = one
    elif kind == "completed":
        completed = one

PARTS = {"guardMs": "guards", "waitMs": "wait", "listMs": "list", "compareMs": "compare", "cleanMs": "clean", "fetchMs": "fetch", "proveMs": "prove", "syncMs": "sync"}
passes = [(number + 1, one) for number, run in enumerate(copies) for one in runs[run]["passes"]]
for number, one in passes:
    of = one["pass"]
    name = "pass-%d.%d-" % (number, of["iteration"])
    tell(name + "ratio", "share", of["matchRatio"])
    for field in ("bytesToDownload", "bytesReceived"):
        tell(name + field, "bytes", of[field])
    for field in ("filesDownloaded", "filesRemoved"):
        tell(name + field, "count", of[field])
    for field, ms in one["times"].items():
        tell(name + field, "span", ms)
    if "forecast" in of:
        tell(name + "forecast", "span", of["forecast"]["copyMs"] + of["forecast"]["verifyMs"])

for run, of in runs.items():
    if "run-ended" in of:
        tell("run-" + run, "span", of["run-ended"]["at"] - of["began"])
    for check in of["checks"]:
        tell("check-%s-%s-%d" % (run, check["which"], check["iteration"]), "span", check["check"]["elapsedMs"])

verified = [of for of in runs.values() if "verified" in of]
verifications = [of["verified"] for of in verified]
for number, (of, one) in enumerate(zip(verified, verifications)):
    after = [check for check in of["checks"] if check["which"] == "post-check"]
    ended = max(one["beganMs"], after[-1]["at"] - after[-1]["check"]["elapsedMs"]) if after else one["at"]
    name, report = "verification-%d-" % number, one["report"]
    tell(name + "matched", "count", report["filesMatched"])
    tell(name + "bytes", "bytes", one["bytesCompared"])
    tell(name + "time", "span", ended - one["beganMs"])
    for field in ("filesNotFoundAtSource", "filesNotFoundAtDestination", "metadataMismatches", "digestMismatches", "digestVerificationFailures"):
        if report[field] > 0:
            tell(name + field, "count", report[field])

short = [one["pass"] for _, one in passes if one["pass"]["totalSize"] > 0 and one["pass"]["matchRatio"] < 1][-1]
for root in short["roots"]:
    total, matching, left = (root[name]["bytes"] for name in ("total", "matching", "left"))
    for name, held in (("matching", matching), ("missing", total - matching - left), ("left,-as-it-is-written-to", left)):
        if total > 0 and held > 0:
            tell("held-%s-%s" % (root["key"], name), "bytes", held)

last = [one["pass"] for _, one in passes if one["pass"]["totalSize"] >= 0][-1]
tell("total-bytes", "bytes", last["totalSize"])
tell("last-ratio", "share", last["matchRatio"])
tell("received-bytes", "bytes", sum(one["pass"]["bytesReceived"] for _, one in passes))
tell("removed-entries", "count", sum(one["pass"]["filesRemoved"] for _, one in passes))
tell("verified-files", "count", [one for one in verifications if one["report"]["state"] == "COMPLETED"][-1]["report"]["filesMatched"])
tell("refusals", "count", sum(of["run-ended"]["exitCode"] == 6 for of in runs.values()))
WAIVERS = ("adopt", "new-source", "allow-running", "allow-live-source", "allow-txn-logs", "allow-damaged-at-source", "unverified", "max-delete", "without", "only")
tell("waivers", "count", sum(s["name"] in WAIVERS for of in runs.values() for s in of["settings"]) + len(completed["waived"]))

final = [of for of in (runs[run] for run in copies) if of.get("copied", {}).get("report", {}).get("successThreshold") == 1][-1]
chain = [of for of in runs.values() if of["began"] >= final["began"]]
downtime = {}
for of in chain:
    length = of["run-ended"]["at"] - of["began"]
    checks = sum(check["check"]["elapsedMs"] for check in of["checks"] if check["which"] == "post-check")
    inside = {}
    for one in of["passes"]:
        for field, ms in one["times"].items():
            inside[PARTS[field]] = inside.get(PARTS[field], 0) + ms
    rest = "start-and-end" if of["command"] == "copy" else of["command"]
    inside[rest] = length - checks - sum(inside.values())
    inside["post-check"] = checks
    for name, ms in inside.items():
        downtime[name] = downtime.get(name, 0) + ms
whole = chain[-1]["run-ended"]["at"] - chain[0]["began"]
downtime["between-commands"] = whole - sum(downtime.values())
tell("downtime", "span", whole)
for name, ms in downtime.items():
    if ms > 0:
        tell("downtime-" + name, "span", ms)

json.dump({"figures": figures, "points": [len(one.get("series", [])) for _, one in passes if one.get("series")]}, sys.stdout)
