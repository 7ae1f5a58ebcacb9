#!/usr/bin/env python3
"""Generates the protocol's C code: load, select, plan, emit. See protocol/README.md.

Meson wants the outputs of a target flat in one folder, so each folder asks for its part:
protocol, driver, renderer or tests/roundtrip.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from generator.emit import decode, driver, formats, printer, renderer, samples, structs, tables
from generator.load import GeneratorError, load
from generator.plan import gates, make_plan
from generator.policy import load_policy
from generator.select import select

OLDEST_HEADER_VERSION = 309


def outputs(plan):
    """File name -> text, for everything we emit."""
    files = {
        "protocol/proto_mesa.h": tables.emit_mesa_header(plan),
        "protocol/proto_commands.h": tables.emit_commands_header(plan),
        "protocol/proto_commands.c": tables.emit_commands_source(plan),
        "protocol/proto_extensions.h": tables.emit_extensions_header(plan),
        "protocol/proto_extensions.c": tables.emit_extensions_source(plan),
        "protocol/proto_formats.h": formats.emit_formats_header(plan),
        "protocol/proto_formats.c": formats.emit_formats_source(plan),
        "protocol/proto_structs.h": structs.emit_structs_header(plan),
        "protocol/proto_chains.c": structs.emit_chains_source(plan, gates(plan)),
        "protocol/proto_encode.h": driver.emit_encode_header(plan),
        "protocol/proto_reply_structs.h": driver.emit_reply_structs_header(plan),
        "protocol/proto_chain_reply.c": driver.emit_chain_reply_source(plan),
        "protocol/proto_decode.h": decode.emit_decode_header(plan),
        "protocol/proto_decode_structs.h": decode.emit_decode_structs_header(plan),
        "protocol/proto_chain_decode.c": decode.emit_chain_decode_source(plan),
        "protocol/proto_print_tables.c": printer.emit_print_source(plan),
        "driver/drv_entry.h": driver.emit_entry_header(plan),
        "driver/drv_entry.c": driver.emit_entry_source(plan),
        "driver/drv_record.c": driver.emit_record_source(plan),
        "driver/drv_simple.c": driver.emit_simple_source(plan),
        "renderer/host_table.h": renderer.emit_host_header(plan),
        "renderer/host_table.c": renderer.emit_host_source(plan),
        "renderer/rnd_dispatch.h": renderer.emit_dispatch_header(plan),
        "renderer/rnd_dispatch.c": renderer.emit_dispatch_source(plan),
        "tests/roundtrip/roundtrip_commands.h": samples.emit_roundtrip_header(plan),
        "tests/roundtrip/roundtrip_commands.c": samples.emit_roundtrip_source(plan),
        "tests/roundtrip/roundtrip_samples.c": samples.emit_samples_source(plan),
    }
    for family in plan.families:
        files[f"protocol/proto_{family}.c"] = structs.emit_structs_source(plan, family)
        files[f"protocol/proto_encode_{family}.c"] = driver.emit_encode_source(plan, family)
        files[f"protocol/proto_decode_{family}.c"] = decode.emit_decode_source(plan, family)
    return files


def write_if_changed(path, text):
    """Leaves the time stamp alone when nothing changed, so that nothing is compiled again."""
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except OSError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registry", required=True, help="vk.xml of Vulkan 1.4.309 or newer")
    parser.add_argument("--video", required=True, help="video.xml of the same version: the structures of codecs")
    parser.add_argument("--private", required=True, help="venus.xml: command numbers, private types")
    parser.add_argument("--policy", required=True, help="policy.xml")
    parser.add_argument("--families", help="the command families that the build expects")
    parser.add_argument("--part", required=True, help="protocol, driver, renderer or tests/roundtrip")
    parser.add_argument("--out", required=True, help="the folder to write to")
    args = parser.parse_args()
    try:
        registry = load(args.registry, args.video, args.private)
        if registry.header_version and registry.header_version < OLDEST_HEADER_VERSION:
            raise GeneratorError(
                f"{args.registry}: error: registry 1.4.{registry.header_version} is too old, "
                f"1.4.{OLDEST_HEADER_VERSION} or newer is needed; point -Dvulkan_prefix at one")
        policy = load_policy(args.policy, registry.header_version or 10**6)
        plan = make_plan(select(registry, policy))
        if args.families and args.families.split() != plan.families:
            raise GeneratorError(
                f"{args.policy}: error: families are {' '.join(plan.families)}, "
                f"protocol/meson.build expects {args.families}")
        files = outputs(plan)
    except GeneratorError as error:
        sys.exit(str(error))
    for path, text in files.items():
        folder, name = os.path.split(path)
        if folder == args.part:
            write_if_changed(os.path.join(args.out, name), text)


if __name__ == "__main__":
    main()
