#!/usr/bin/env python3
"""Compares a host driver with Vesper on it, over a sampled list of VK-GL-CTS cases.

    run.py --deqp DEQP-VK --vesper build/tools/vesper --host-driver MANIFEST --out FOLDER

For each line of cases.txt, every n-th of the cases that this deqp-vk has in that group runs twice, natively
and through Vesper. Results stay in FOLDER: what is there is not run again (--again LIST names exceptions).
Exit status: 0 if whatever passes natively passes through Vesper, else 1.
"""

import argparse
import math
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import deqp

HERE = os.path.dirname(os.path.abspath(__file__))
CHUNK = 500  # cases a process: a new one every now and then keeps what a crash leaves behind small
CHUNK_ON_TIME = 100  # where time may run out: deqp-vk takes a process's cases in its own order, so the end of it is cut off


def read_rules(path):
    """Lines of "GROUP EVERY": a pattern of deqp-vk's and the distance between the cases taken."""
    rules = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) != 2 or not words[1].isdigit() or int(words[1]) == 0:
                sys.exit(f"{path}:{number}: wanted a group and a number from 1, found: {line.strip()}")
            rules.append((words[0], int(words[1])))
    return rules


def sample(cases, every):
    """Every n-th case, beginning in the middle of the first stride: evenly spread, the same each time."""
    return cases[every // 2 :: every]


class Store:
    """One side's results, in a file of tab-separated lines; the last line about a case counts."""

    def __init__(self, path):
        self.path = path
        self.results = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    name, status, seconds, detail = line.rstrip("\n").split("\t", 3)
                    self.results[name] = deqp.Result(status, float(seconds), detail)
        self.file = open(path, "a", encoding="utf-8", buffering=1)

    def add(self, name, result):
        detail = result.detail.replace("\t", " ").replace("\n", " ")
        self.results[name] = result
        self.file.write(f"{name}\t{result.status}\t{result.seconds:.3f}\t{detail}\n")


def clean_env(kept=(), **more):
    """Our environment without anything that chooses a Vulkan driver, a layer or a server, but for what is kept."""
    dropped = ("VK_", "VN_", "VTEST_", "VESPER_", "DISPLAY", "WAYLAND_DISPLAY")
    env = {name: value for name, value in os.environ.items() if name in kept or not name.startswith(dropped)}
    return {**env, **more}


def cases_of(runner, rules, folder, only, thin, part):
    """A part of the sampled cases of all rules. The full lists are kept in the folder: writing them takes a while."""
    taken = []
    for group, every in rules:
        if only and not any(word in group for word in only):
            continue
        path = os.path.join(folder, group.replace("*", "all") + ".txt")
        if not os.path.exists(path):
            cases = deqp.list_cases(runner, group)
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(name + "\n" for name in cases))
        with open(path, encoding="utf-8") as file:
            cases = file.read().split()
        chosen = sample(cases, every)[part - 1 :: thin]
        print(f"{group}: {len(chosen)} of {len(cases)} cases", flush=True)
        taken += chosen
    return list(dict.fromkeys(taken))


def run_side(name, runner, store, cases, again):
    left = [case for case in cases if case in again or case not in store.results]
    chunk = CHUNK_ON_TIME if math.isfinite(runner.deadline) else CHUNK
    for at in range(0, len(left), chunk):
        if time.monotonic() >= runner.deadline:
            print(f"{name}: time was up before {at} of {len(left)} were run", flush=True)
            return
        runner.run(left[at : at + chunk], store.add)
        print(f"{name}: at {min(at + chunk, len(left))} of {len(left)}", flush=True)


def summarise(cases, native, vesper):
    """Prints counts and the differences. Returns the cases that pass natively and not through Vesper."""
    wanted = len(cases)
    cases = [case for case in cases if case in native.results and case in vesper.results]
    if len(cases) < wanted:
        print(f"{wanted - len(cases)} of {wanted} cases were not run on both sides before time was up")
    for side, store in (("native", native), ("vesper", vesper)):
        counts = Counter(store.results[case].status for case in cases)
        seconds = sum(store.results[case].seconds for case in cases)
        print(f"{side}: {sum(counts.values())} cases in {seconds:.0f} s: " + ", ".join(f"{n} {s}" for s, n in counts.most_common()))
    lost, gained, slow = [], [], []
    for case in cases:
        ours, theirs = vesper.results[case], native.results[case]
        if theirs.status in deqp.PASSED and ours.status not in deqp.PASSED:
            lost.append(case)
        if theirs.status not in deqp.PASSED and ours.status in deqp.PASSED:
            gained.append(case)
        if ours.seconds > 0.5 and ours.seconds > 3 * theirs.seconds:
            slow.append((ours.seconds - theirs.seconds, case, theirs.seconds, ours.seconds))
    print(f"\npasses natively, not through Vesper: {len(lost)}")
    for case in lost:
        print(f"  {case}: {vesper.results[case].status}: {vesper.results[case].detail}")
    print(f"\npasses through Vesper, not natively: {len(gained)}")
    for case in gained:
        print(f"  {case}: natively {native.results[case].status}: {native.results[case].detail}")
    print(f"\nmore than three times slower, and half a second: {len(slow)}")
    for _, case, theirs, ours in sorted(slow, reverse=True)[:30]:
        print(f"  {case}: {ours:.2f} s, natively {theirs:.2f} s")
    return lost


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deqp", required=True, help="the program deqp-vk, beside its data folder")
    parser.add_argument("--vesper", required=True, help="the program vesper")
    parser.add_argument("--host-driver", required=True, help="the host driver's JSON manifest")
    parser.add_argument("--icd", help="another driver than Vesper's in front of the server")
    parser.add_argument("--out", required=True, help="where results are kept, and looked for")
    parser.add_argument("--cases", help="a list of names to run instead of what cases.txt samples")
    parser.add_argument("--rules", default=os.path.join(HERE, "cases.txt"), help="default: cases.txt beside this file")
    parser.add_argument("--only", action="append", help="only groups whose name contains this; may repeat")
    parser.add_argument("--thin", type=int, default=1, help="take only every n-th of the sample")
    parser.add_argument("--part", type=int, default=1, help="of the n parts that --thin makes, the one to take: from 1")
    parser.add_argument("--again", help="a list of names to run through Vesper although there is a result")
    parser.add_argument("--keep", action="append", default=[], help="a variable to pass on, such as DISPLAY; may repeat")
    parser.add_argument("--jobs", type=int, default=1, help="processes for each side")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop then, and compare what both sides have run: some cases of each group"
    )
    parser.add_argument("--timeout", type=float, default=120, help="seconds without a word before a case counts as hung")
    args = parser.parse_args()
    if not 1 <= args.part <= args.thin:
        parser.error(f"--part {args.part}: --thin {args.thin} makes the parts 1 to {args.thin}")

    out = os.path.abspath(args.out)
    os.makedirs(out, exist_ok=True)
    manifest = os.path.abspath(args.host_driver)
    run = [os.path.abspath(args.vesper), "run", "--host-driver", manifest] + (["--icd", args.icd] if args.icd else [])
    deadline = time.monotonic() + 60 * args.minutes
    host = clean_env(args.keep, VK_DRIVER_FILES=manifest, VK_ICD_FILENAMES=manifest)
    sides = {"native": ([], host), "vesper": (run + ["--"], clean_env(args.keep))}
    runners = {
        (side, job): deqp.Runner(args.deqp, prefix, env, out, args.timeout, deadline, f"{side}-{job}.cache")
        for side, (prefix, env) in sides.items()
        for job in range(args.jobs)
    }
    stores = {side: Store(os.path.join(out, side + ".tsv")) for side in sides}

    if args.cases:
        with open(args.cases, encoding="utf-8") as file:
            cases = file.read().split()
    else:
        cases = cases_of(runners["native", 0], read_rules(args.rules), out, args.only, args.thin, args.part)
    if math.isfinite(args.minutes):
        random.Random(0).shuffle(cases)  # what there is no time for is then some of each group, and the same with both sides
    again = set()
    if args.again:
        with open(args.again, encoding="utf-8") as file:
            again = set(file.read().split())

    with ThreadPoolExecutor(max_workers=2 * args.jobs) as pool:
        futures = []
        for (side, job), runner in runners.items():
            redo = again if side == "vesper" else set()
            futures.append(pool.submit(run_side, side, runner, stores[side], cases[job :: args.jobs], redo))
        for future in futures:
            future.result()
    return 1 if summarise(cases, stores["native"], stores["vesper"]) else 0


if __name__ == "__main__":
    sys.exit(main())
