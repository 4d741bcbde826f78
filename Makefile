# SPDX-License-Identifier: MIT OR Apache-2.0
#
# make            what this machine has tools for: library, command line, wasm
# make run        the demonstration: fetches two models, ranks sentences by meaning, answers a question
# make test       every test; the last line says how many passed
#
# make lib        build/libwasmicro.a
# make cli        build/wasmicro
# make wasm       npm/dist/wasmicro.wasm            (clang-19, wasm-ld-19, tools/setup)
# make unit       tests/test_*.c natively           T=json runs one
# make unit-wasm  the same tests as wasm under Node T=json runs one
# make unit-wasm-kinds   the kernels of the scalar and the relaxed module
# make test-asan  all of it under AddressSanitizer and UndefinedBehaviorSanitizer
# make test-tsan  the tests of threads, and of what threads share, under ThreadSanitizer
# make test-neon  unit tests for AArch64 in an emulator  NEON_T=kernels runs one
# make test-cli   make test-js   make check   make size   make fuzz-replay   make verify   make demo
#
# make install PREFIX=/usr/local   header, static and shared library, pkg-config, CMake package, command
#
# BUILD=dir builds elsewhere than in build/; V=1 shows the commands; WERROR=-Werror.

BUILD ?= build
DIST ?= npm/dist
CC ?= cc
AR ?= ar
PYTHON ?= python3
NODE ?= node
NPM_TOOLS = tools/npm/node_modules/.bin
Q = $(if $(V),,@)
say = @echo " "

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes $(WERROR)
CORE_FLAGS = -std=c11 $(WARNINGS) -ffp-contract=off -fno-math-errno -Iinclude -MMD -MP

LAYERS = base unicode load token quant kernels ops models gen pipeline
CORE = $(foreach layer,$(LAYERS),$(sort $(wildcard src/$(layer)/*.c src/$(layer)/*/*.c)))
CLI = $(sort $(wildcard cli/*.c))
TESTS = $(patsubst tests/test_%.c,%,$(sort $(wildcard tests/test_*.c)))
T ?= $(TESTS)
MODEL = models/all-MiniLM-L6-v2/model.safetensors

HAS_WASM_TOOLS := $(and $(shell command -v clang-19),$(shell command -v wasm-ld-19),$(wildcard $(NPM_TOOLS)/wasm-opt))

.PHONY: all lib cli wasm run test unit unit-wasm unit-wasm-kinds test-asan test-tsan test-neon test-cli test-js check size \
    install test-install clean
.DELETE_ON_ERROR:

all: lib cli $(if $(HAS_WASM_TOOLS),wasm,no-wasm)

.PHONY: no-wasm
no-wasm:
	@echo "left out: the wasm; tools/setup brings clang-19, wasm-ld-19 and wasm-opt"

# ---- Native --------------------------------------------------------------------------------------

lib: $(BUILD)/libwasmicro.a
cli: $(BUILD)/wasmicro

$(BUILD)/libwasmicro.a: $(CORE:%.c=$(BUILD)/obj/%.o)
	$(say) AR $@
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/wasmicro: $(CLI:%.c=$(BUILD)/obj/%.o) $(BUILD)/libwasmicro.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $^ $(CURL_LIBS) -lm -pthread -o $@

# The command line reaches the hub where libcurl is there to build with; CURL=no leaves it out.
CURL ?= $(shell pkg-config --exists libcurl 2>/dev/null && echo yes || echo no)
ifeq ($(CURL),yes)
CURL_LIBS := $(shell pkg-config --libs libcurl)
$(BUILD)/obj/cli/http.o: CORE_FLAGS += -DWM_CURL $(shell pkg-config --cflags libcurl)
endif
$(BUILD)/obj/cli/http.o: $(BUILD)/curl-$(CURL)
$(BUILD)/curl-$(CURL):
	@mkdir -p $(@D)
	@rm -f $(BUILD)/curl-yes $(BUILD)/curl-no
	@touch $@

# The shared library is one unit; only what the public header names leaves it.
$(BUILD)/libwasmicro.so: src/wasmicro.c
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -O3 $(CORE_FLAGS) -MF $@.d -fPIC -fvisibility=hidden -DWM_SHARED -shared \
	    -pthread -Wl,-soname,libwasmicro.so.0 $< -o $@

$(BUILD)/obj/src/kernels/%.o: CORE_FLAGS += -O3
$(BUILD)/obj/cli/%.o: CORE_FLAGS += -D_XOPEN_SOURCE=700
$(BUILD)/obj/%.o: %.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CORE_FLAGS) -c $< -o $@

$(TESTS:%=$(BUILD)/tests/test_%): $(BUILD)/tests/test_%: $(BUILD)/obj/tests/test_%.o $(BUILD)/obj/tests/harness.o $(BUILD)/libwasmicro.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ -lcmocka -lm -pthread -o $@

# ---- As wasm -------------------------------------------------------------------------------------
# The module is linked from LLVM's bitcode (2 KB smaller); the tests from plain objects, which link in no
# time and whose map tells `make size` which layer a function belongs to. libc.c defines memcpy and its kin
# and must not call itself; everywhere else the compiler may know them, so that a four-byte memcpy is a
# load. The linker is called by itself: clang as a driver runs whatever wasm-opt it finds.

WASM_CC ?= clang-19
WASM_LD ?= wasm-ld-19
WASM_OPT ?= $(NPM_TOOLS)/wasm-opt
WASM_TARGET = --target=wasm32 -mbulk-memory -mnontrapping-fptoint -msign-ext -mmutable-globals \
    -nostdlib -fvisibility=hidden
WASM_FLAGS = $(WASM_TARGET) -msimd128
WASM_CORE = $(CORE:%.c=$(BUILD)/wasm/%.o)
WASM_LIBC = $(BUILD)/wasm/wasm/libc.o
WASM_BORDER = $(patsubst %.c,$(BUILD)/wasm/%.o,$(filter-out wasm/libc.c,$(wildcard wasm/*.c)))
WASM_PRODUCT = $(WASM_CORE) $(WASM_LIBC) $(WASM_BORDER)
# The stack lies below everything else, so that one that overflows traps.
WASM_LINK = $(WASM_LD) --no-entry --stack-first -z stack-size=262144 --gc-sections
WASM_OPT_FEATURES = --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext \
    --enable-mutable-globals
WASM_OPT_PASSES = --low-memory-unused --flatten --rereloop -Os \
    -Os --converge -ocimfs 20 --const-hoisting --code-folding -Os --const-hoisting --reorder-functions \
    --strip-debug --strip-producers --strip-target-features

# The kernels alone know of SIMD, and make three modules: wasmicro.wasm; -relaxed, with fused multiply-add;
# -scalar, for engines without SIMD. wasm-opt refuses an instruction that it is not told of.
wasm: $(DIST)/wasmicro.wasm $(DIST)/wasmicro-relaxed.wasm $(DIST)/wasmicro-scalar.wasm

WASM_OPTIMIZE = -Oz
$(BUILD)/wasm/src/kernels/%.o: WASM_OPTIMIZE = -Os
$(BUILD)/wasm-lto/src/kernels/%.o: WASM_OPTIMIZE = -Os -msimd128 -fno-lto
$(BUILD)/wasm-relaxed/src/kernels/%.o: WASM_OPTIMIZE = -Os -msimd128 -mrelaxed-simd -fno-lto
$(BUILD)/wasm-scalar/src/kernels/%.o: WASM_OPTIMIZE = -Os -fno-lto
$(BUILD)/wasm/wasm/libc.o $(BUILD)/wasm-lto/wasm/libc.o: WASM_OPTIMIZE = -Oz -fno-builtin -fno-lto
$(BUILD)/wasm/%.o: %.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(WASM_CC) $(WASM_FLAGS) $(WASM_OPTIMIZE) $(CORE_FLAGS) -c $< -o $@

define WASM_BITCODE
$(say) CC $@
@mkdir -p $(@D)
$(Q)$(WASM_CC) $(WASM_TARGET) -flto $(WASM_OPTIMIZE) $(CORE_FLAGS) -c $< -o $@
endef

$(BUILD)/wasm-lto/%.o: %.c
	$(WASM_BITCODE)
$(BUILD)/wasm-relaxed/%.o: %.c
	$(WASM_BITCODE)
$(BUILD)/wasm-scalar/%.o: %.c
	$(WASM_BITCODE)

$(BUILD)/wasm/linked.wasm $(BUILD)/wasm/linked.map &: $(WASM_PRODUCT)
	$(say) LD $@
	$(Q)$(WASM_LINK) --Map=$(BUILD)/wasm/linked.map $^ -o $(BUILD)/wasm/linked.wasm

WASM_LTO = $(WASM_PRODUCT:$(BUILD)/wasm/%=$(BUILD)/wasm-lto/%)
WASM_KERNELS = $(filter $(BUILD)/wasm-lto/src/kernels/%,$(WASM_LTO))
# The kernels come as plain objects, to be left as they are. Everything else is inlined only where
# that is smaller, its loops keep one counter, and what one way has computed is not computed on the
# other one, too (4 KB, with wasm-opt's share of it below).
WASM_LTO_SMALL = -mllvm -inline-threshold=-20 -mllvm -inline-call-penalty=10 -mllvm -disable-lsr \
    -mllvm -enable-pre=false
define LINK_WASM
$(say) LD $@
@mkdir -p $(@D)
$(Q)$(WASM_LINK) $(WASM_LTO_SMALL) $^ -o $@
endef

$(BUILD)/wasm-lto/linked.wasm: $(WASM_LTO)
	$(LINK_WASM)
$(BUILD)/wasm-relaxed/linked.wasm: $(filter-out $(WASM_KERNELS),$(WASM_LTO)) $(WASM_KERNELS:$(BUILD)/wasm-lto/%=$(BUILD)/wasm-relaxed/%)
	$(LINK_WASM)
$(BUILD)/wasm-scalar/linked.wasm: $(filter-out $(WASM_KERNELS),$(WASM_LTO)) $(WASM_KERNELS:$(BUILD)/wasm-lto/%=$(BUILD)/wasm-scalar/%)
	$(LINK_WASM)

$(DIST)/wasmicro.wasm: $(BUILD)/wasm-lto/linked.wasm
$(DIST)/wasmicro-relaxed.wasm: $(BUILD)/wasm-relaxed/linked.wasm
$(DIST)/wasmicro-scalar.wasm: $(BUILD)/wasm-scalar/linked.wasm
$(DIST)/wasmicro.wasm: SIMD = --enable-simd
$(DIST)/wasmicro-relaxed.wasm: SIMD = --enable-simd --enable-relaxed-simd
$(DIST)/wasmicro.wasm $(DIST)/wasmicro-relaxed.wasm $(DIST)/wasmicro-scalar.wasm: tools/pack_wasm.py tools/range_coder.py
	$(say) OPT $@
	@mkdir -p $(@D)
	$(Q)$(WASM_OPT) $(WASM_OPT_FEATURES) $(SIMD) $(WASM_OPT_PASSES) $(filter %.wasm,$^) -o $@
	$(Q)$(PYTHON) tools/pack_wasm.py $@

# What of the package is made of others of its files: the wasm inside a module, the entry of require.
wasm: $(DIST)/inline.js
$(DIST)/inline.js: $(DIST)/wasmicro.wasm $(wildcard npm/*.js npm/index.d.ts) tools/pack_js.mjs
	$(say) PACK $@
	$(Q)$(NODE) tools/pack_js.mjs $(DIST)

$(TESTS:%=$(BUILD)/wasm-tests/test_%.wasm): $(BUILD)/wasm-tests/test_%.wasm: $(BUILD)/wasm/tests/test_%.o $(BUILD)/wasm/tests/harness.o $(WASM_CORE) $(WASM_LIBC)
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(WASM_LD) --no-entry --stack-first -z stack-size=1048576 --gc-sections \
	    --export-table --export=__stack_pointer $^ -o $@

define KIND_TEST
$$(BUILD)/wasm-tests/%/test_$(1).wasm: $$(BUILD)/wasm/tests/test_$(1).o $$(BUILD)/wasm/tests/harness.o $$(filter-out $$(BUILD)/wasm/src/kernels/%,$$(WASM_CORE)) $$(WASM_LIBC)
	@$$(MAKE) -s $$(patsubst $$(BUILD)/wasm-lto/%,$$(BUILD)/wasm-$$*/%,$$(WASM_KERNELS))
	$$(say) LD $$@
	@mkdir -p $$(@D)
	$$(Q)$$(WASM_LD) --no-entry --stack-first -z stack-size=1048576 --gc-sections \
	    --export-table --export=__stack_pointer $$^ $$(WASM_KERNELS:$$(BUILD)/wasm-lto/%=$$(BUILD)/wasm-$$*/%) -o $$@
endef
$(foreach test,kernels int_rows,$(eval $(call KIND_TEST,$(test))))

# ---- Tests ---------------------------------------------------------------------------------------

test:
	@BUILD=$(BUILD) $(PYTHON) tools/test.py

# cmocka ends with the number of failed tests, a sanitizer with 99, a signal above 128.
unit: $(T:%=$(BUILD)/tests/test_%)
	@failed=0; for test in $^; do echo "# $$test"; \
	    CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99 $$test; code=$$?; \
	    [ $$code = 0 ] || failed=1; [ $$code -lt 99 ] || echo "not ok - $$test ended with $$code"; \
	done; exit $$failed

unit-wasm: $(T:%=$(BUILD)/wasm-tests/test_%.wasm)
	@$(NODE) tests/run_wasm.mjs $^

# The kernels without SIMD and with relaxed SIMD, as wasm.
unit-wasm-kinds: $(foreach kind,scalar relaxed,$(foreach test,kernels int_rows,$(BUILD)/wasm-tests/$(kind)/test_$(test).wasm))
	@$(NODE) --experimental-wasm-relaxed-simd tests/run_wasm.mjs $^

SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
ASAN_CC ?= $(if $(shell command -v clang-19),clang-19,$(CC))
test-asan:
	@$(MAKE) --no-print-directory --output-sync=target BUILD=$(BUILD)/asan CC=$(ASAN_CC) CFLAGS="$(SANITIZE)" unit test-cli

# ThreadSanitizer on what threads do.
test-tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CC=$(ASAN_CC) CFLAGS="-O1 -g -fsanitize=thread" unit T="threads sharing"

# The unit tests for AArch64, in an emulator; those that need no cmocka but the wasm's own small harness.
NEON_CC ?= aarch64-linux-gnu-gcc
NEON_RUN ?= qemu-aarch64-static
test-neon:
	@MAKE="$(MAKE)" tools/test_neon "$(NEON_CC)" "$(NEON_RUN)" $(BUILD) $(NEON_T)

test-cli: $(BUILD)/wasmicro $(MODEL)
	@WASMICRO=$(BUILD)/wasmicro $(PYTHON) -m unittest discover -s tests/cli -p "test_*.py"

test-js: wasm $(MODEL)
	@$(NODE) --test --test-reporter=tap tests/js/*.test.js

check: lib
	@$(PYTHON) tools/check.py $(BUILD)/libwasmicro.a
	@tools/check_compilers

size: $(BUILD)/wasm/linked.map $(DIST)/wasmicro.wasm
	@$(PYTHON) tools/size.py $^

# The model of the demonstration.
$(MODEL):
	@$(PYTHON) tools/fetch.py all-MiniLM-L6-v2

-include fuzz/fuzz.mk bench/bench.mk bench/peers/peers.mk verify/verify.mk demo/demo.mk tests/runtimes/runtimes.mk

# ---- The demonstration -----------------------------------------------------------------------------

run: cli
	@tools/run $(BUILD)/wasmicro

# ---- Installation ----------------------------------------------------------------------------------

PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)
ROOT = $(DESTDIR)$(PREFIX)

install: lib cli $(BUILD)/libwasmicro.so
	install -d $(ROOT)/bin $(ROOT)/include $(ROOT)/lib/pkgconfig $(ROOT)/lib/cmake/wasmicro
	install -m 755 $(BUILD)/wasmicro $(ROOT)/bin
	install -m 644 include/wasmicro.h $(ROOT)/include
	install -m 644 $(BUILD)/libwasmicro.a $(ROOT)/lib
	install -m 755 $(BUILD)/libwasmicro.so $(ROOT)/lib/libwasmicro.so.$(VERSION)
	ln -sf libwasmicro.so.$(VERSION) $(ROOT)/lib/libwasmicro.so.0
	ln -sf libwasmicro.so.0 $(ROOT)/lib/libwasmicro.so
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: wasmicro' 'Description: Hugging Face models from their own files' \
	    'Version: $(VERSION)' 'Cflags: -I$${prefix}/include' 'Libs: -L$${prefix}/lib -lwasmicro' 'Libs.private: -pthread' \
	    >$(ROOT)/lib/pkgconfig/wasmicro.pc
	install -m 644 cmake/wasmicro-config.cmake $(ROOT)/lib/cmake/wasmicro
	printf '%s\n' 'set(PACKAGE_VERSION $(VERSION))' \
	    'if(PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION)' \
	    '    set(PACKAGE_VERSION_COMPATIBLE TRUE)' 'endif()' \
	    >$(ROOT)/lib/cmake/wasmicro/wasmicro-config-version.cmake

test-install:
	@tools/test_install

clean:
	rm -rf $(BUILD) $(DIST)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
