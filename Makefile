# A thin door to meson and ninja for someone who has just cloned this. HACKING.md says what lies behind.
.PHONY: help run test clean distclean

help:
	@echo 'make run        install what is missing, build, and see Vulkan work done through Vesper'
	@echo 'make test       install what the tests need, build, and run them all'
	@echo 'make clean      remove build folders; downloads stay in the cache'
	@echo 'make distclean  remove the downloads in the cache as well'

run:
	@setup/packages run
	@setup/build build
	@build/tools/vesper run -- build/tools/vesper demo --output build/cube.png

test:
	@setup/packages test
	@setup/peers >/dev/null || echo 'tests against other programs will be skipped'
	@setup/vm >/dev/null || echo 'tests in a virtual machine will be skipped'
	@setup/build build -Dtests=true
	@meson test -C build --no-rebuild --print-errorlogs

clean:
	rm -rf build build-*

distclean: clean
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/vesper"
