"""The Khronos validation layer under our workers that serve a guest. Its messages join QEMU's."""

import pathlib
import re

import machine

LAYER = "VK_LAYER_KHRONOS_validation"
LIBRARY = "libVkLayer_khronos_validation.so"
SETTINGS = b"""khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.report_flags = error,warn,info
khronos_validation.log_filename = stdout
"""


def add(virtual_machine, peers):
    """The layer is that of the interop tests' Debian 13 folder. False, with a word, if there is none."""
    root = pathlib.Path(peers) / "trixie/usr"
    found = sorted(root.glob(f"lib/*/{LIBRARY}"))
    if not found:
        print("without the validation layer: setup/peers has not run")
        return False
    library = virtual_machine.give_host(f"layers/{LIBRARY}", found[0])
    manifest = (root / "share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json").read_text()
    virtual_machine.give_host("layers/validation.json", manifest.replace(f'"{LIBRARY}"', f'"{library}"').encode())
    virtual_machine.give_host("vk_layer_settings.txt", SETTINGS)
    virtual_machine.env |= {"VK_INSTANCE_LAYERS": LAYER, "VK_LAYER_PATH": "/tmp/host/layers",
                            "VK_LAYER_SETTINGS_PATH": "/tmp/host"}
    return True


def judge(virtual_machine):
    """The layer introduces itself when it is loaded, and must have nothing else to say."""
    log = virtual_machine.qemu_log()
    if "status-message" not in log.lower():
        raise machine.Failure(f"the validation layer was not loaded under our workers:\n{log[-2000:]}")
    messages = re.findall(r"Validation (?:Error|Warning|Performance Warning):[^\n]*\n?[^\n]*", log)
    if messages:
        raise machine.Failure(f"{len(messages)} validation messages, the first:\n{messages[0][:2000]}")
    print("the validation layer under our workers has nothing to say")
