"""The applications: what is run, and what of it is compared. Those of a Debian 13 folder and of the system itself."""

from collections import namedtuple

# name: for people. command: what is run. window: compared by the screen, else by what it prints.
# keep: a pattern, the parts of the output that count. env: more variables.
# clock: clock.c is preloaded; the program's time stands after so many questions, or never. limit_s: how long it may run.
Application = namedtuple(
    "Application", "name command window keep env clock limit_s", defaults=(False, ".+", {}, None, 120)
)

NEVER_STANDS = 0
ZINK = {"MESA_LOADER_DRIVER_OVERRIDE": "zink", "LIBGL_ALWAYS_SOFTWARE": "1"}


def picture():
    return ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=1"]


def ffmpeg(name, inputs, *options):
    """Frames of test pictures through filters, as hashes."""
    devices = ["-init_hw_device", "vulkan=v:0", "-filter_hw_device", "v"]
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error"] + devices + inputs + list(options)
    return Application(f"ffmpeg: {name}", command + ["-f", "framemd5", "-"], keep="^[0-9].+")


def vulkan_filter(name, pixels):
    return ffmpeg(f"{name} of {pixels}", picture(), "-vf", f"format={pixels},hwupload,{name},hwdownload,format={pixels}")


FILTERS = [
    "scale_vulkan=w=160:h=120",
    "gblur_vulkan=sigma=2",
    "hflip_vulkan",
    "transpose_vulkan",
    "chromaber_vulkan=dist_x=2",
]

SYSTEM = [vulkan_filter(name, "yuv420p") for name in FILTERS + ["libplacebo=w=200:h=100"]] + [
    Application("OpenGL through Zink: glxinfo", ["glxinfo", "-B"], keep="^OpenGL .*version.+", env=ZINK),
    Application(
        "OpenGL through Zink: glmark2",
        ["glmark2", "--validate", "-s", "320x240"]
        + [word for scene in ("build", "texture", "shading", "bump", "effect2d", "shadow") for word in ("-b", scene)],
        keep=r"^\[.+Validation.+",
        env=ZINK,
    ),
    Application("Direct3D 12 through vkd3d: triangle", ["vkd3d-triangle"], window=True),
]


def vkmark_scene(scene):
    """One frame of a scene, half a second after its start."""
    command = ["vkmark", "--winsys", "xcb", "-s", "320x240", "-b", f"{scene}:duration=1000"]
    return Application(f"vkmark: {scene}", command, window=True, clock=50)


def gstreamer(name, pipeline):
    source = "videotestsrc num-buffers=5 ! video/x-raw,format=RGBA,width=320,height=240 ! vulkanupload"
    words = f"{source} ! {pipeline} ! vulkandownload ! checksumsink".split()
    return Application(f"GStreamer: {name}", ["gst-launch-1.0", "-q"] + words)


# Not of ffmpeg 7.1: libplacebo, bwdif_vulkan and those with two inputs, which differ from one native run to the next.
NEW_FILTERS = ["avgblur_vulkan", "vflip_vulkan", "flip_vulkan", "nlmeans_vulkan=r=3"]

def ggml(operations, cases):
    """ggml's Vulkan backend. The program compares each case with ggml's own result on the CPU, and prints the outcome."""
    command = ["/usr/libexec/x86_64-linux-gnu/llama.cpp-tests/test-backend-ops", "test", "-b", "Vulkan0"]
    return Application(
        f"ggml: {operations}",
        command + ["-o", operations, "-p", cases],
        keep=r"^  [A-Z].*\): .+|^ +\d+/\d+ tests passed.*",
        env={"GGML_VK_VISIBLE_DEVICES": "0"},
        limit_s=900,
    )


FOLDER = (
    [
        Application(
            "vkmark: all scenes, headless",
            ["vkmark", "--winsys", "headless", "-s", "320x240", "-b", ":duration=0.1"],
            keep=r"^\[.+|.*Score.*",
            clock=NEVER_STANDS,
        )
    ]
    + [vkmark_scene(scene) for scene in ("vertex", "texture:anisotropy=16", "shading:shading=cel")]
    + [vkmark_scene(scene) for scene in ("effect2d:kernel=blur", "desktop", "cube", "clear")]
    + [vulkan_filter(name, pixels) for name in FILTERS + NEW_FILTERS for pixels in ("rgba", "yuv420p")]
    + [
        gstreamer("vulkancolorconvert", "vulkancolorconvert ! video/x-raw(memory:VulkanImage),format=BGRA"),
        Application("GTK 4's demo", ["gtk4-demo"], window=True, env={"GSK_RENDERER": "vulkan"}),
        Application(
            "mpv: a paused video",
            "mpv --no-config --vo=gpu-next --gpu-api=vulkan --gpu-context=x11vk --gpu-sw=yes --pause --osd-level=0"
            " av://lavfi:testsrc2=size=320x240:rate=10:duration=10".split(),
            window=True,
        ),
    ]
    + [
        ggml("ADD,SILU,SUM_ROWS,ARGMAX,GROUP_NORM,CUMSUM,SOLVE_TRI,SSM_SCAN", ".*"),
        ggml("SOFT_MAX", r"ne=\[1[56],1[56],1,1\]"),
        ggml("MUL_MAT", r"type_a=(f32|f16|q4_0|q8_0|q4_K),type_b=f32,m=16,n=(1|16),k=256,bs=\[1,1\],nr=\[1,1\],per=\[0,1,2,3\]"),
    ]
)
