"""Says which pairs may move at the same time: one rack after the other, and never two of one replica set."""

from ansible.errors import AnsibleFilterError


def lm_waves(pairs, hostvars, at_most=0):
    """Returns (number of its wave, name) of each pair, in the order in which they move.

    pairs: names of new hosts, whose variables are replica_set and rack. at_most: pairs of a wave; 0 is no limit.
    """
    of = {pair: (_stated(pair, hostvars, "rack"), _stated(pair, hostvars, "replica_set")) for pair in pairs}
    waves = []
    for rack in sorted({rack for rack, _ in of.values()}):
        here = []  # waves of this rack
        for pair in (pair for pair in pairs if of[pair][0] == rack):
            free = (wave for wave in here if _has_place(wave, of[pair], of, at_most))
            wave = next(free, None)
            if wave is None:
                here.append(wave := [])
            wave.append(pair)
        waves += here
    return [(number, pair) for number, wave in enumerate(waves, 1) for pair in wave]


def _has_place(wave, pair, of, at_most):
    return not (at_most and len(wave) >= at_most) and all(of[other][1] != pair[1] for other in wave)


def _stated(pair, hostvars, name):
    value = hostvars[pair].get(name)
    if value in (None, ""):
        raise AnsibleFilterError(f"{pair} has no {name} in the inventory: without it nothing says what it may move beside")
    return str(value)


class FilterModule:
    def filters(self):
        return {"lm_waves": lm_waves}
