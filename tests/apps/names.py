#!/usr/bin/env python3
"""Names and labels of the application reach the tools of the host: there the validation layer uses them.

    names.py VESPER APP --host system|newer --peers FOLDER
"""

import argparse
import subprocess
import sys

from run import clean_env, find_host


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vesper")
    parser.add_argument("app")
    parser.add_argument("--host", choices=("system", "newer"), required=True)
    parser.add_argument("--peers", required=True)
    args = parser.parse_args()
    command = [args.vesper, "run", "--host-driver", find_host(args.host, args.peers), "--validate", "--", args.app]
    result = subprocess.run(command, env=clean_env(), check=False, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    print(result.stdout)
    missing = [text for text in ("done", "vkCmdFillBuffer", "a buffer with a name") if text not in result.stdout]
    if missing:
        print(f"missing: {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
