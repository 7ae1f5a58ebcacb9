"""Gates: when the encoder may send a chained structure, told by the capset's extension mask."""

from itertools import combinations

from generator.select import dependency_extensions, reduce_dependency


def minimal_alternatives(depends, listed):
    """The smallest sets of extensions that satisfy the expression."""
    names = dependency_extensions(depends, listed)
    found = []
    for size in (1, 2, 3):
        for names_chosen in combinations(names, size):
            chosen = set(names_chosen)
            if any(f <= chosen for f in found):
                continue
            if reduce_dependency(depends, lambda n: n in chosen):
                found.append(chosen)
    return [sorted(f) for f in found]


def gate_of(selection, name):
    """Rows of (kind, a, b): the gate is open if any row holds.

    ("always", 0, 0); ("extension", n, m): bits n and m (m may be 0) are set; ("private", n, 0): bit n
    of the tail's mask is; ("version", major, minor): the negotiated registry version is at least that;
    ("feature", c_name, 0): the capset's tail has it."""
    row = selection.policy.vesper_structs.get(name)
    if row is not None:
        return [("feature", row.get("feature"), 0)]
    listings = selection.extension_types.get(name, [])
    version = selection.core_types.get(name)
    if any(e == "VK_MESA_venus_protocol" for e, _ in listings) or (version and version <= (1, 2)):
        return [("always", 0, 0)]
    numbers = {e.name: e.number for e in selection.extensions}
    rows = []
    for extension, depends in listings:
        if extension in selection.policy.private_extensions:
            rows.append(("private", numbers[extension], 0))
        elif depends is None:
            rows.append(("extension", numbers[extension], 0))
        elif (extension, None) not in listings:
            for alternative in minimal_alternatives(depends, set(numbers)):
                if len(alternative) > 1:
                    raise ValueError(f"{name}: a gate of more than two extensions")
                rows.append(("extension", numbers[extension], numbers[alternative[0]]))
    if rows:
        return sorted(set(rows))
    if version:
        return [("version", version[0], version[1])]
    return [("always", 0, 0)]
