# SPDX-License-Identifier: MIT OR Apache-2.0
# make lib        build/libwasmicro.a       make unit        every tests/test_*.c natively (T=json: one)
# make cli        build/wasmicro, the command line
# make wasm       npm/dist/wasmicro.wasm    make unit-wasm   the same tests as wasm under Node
# BUILD=dir builds elsewhere than in build/ (two makes at once should not share one).  V=1 shows the commands.

BUILD ?= build
CC ?= cc
AR ?= ar
Q = $(if $(V),,@)
say = @echo " "
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes $(WERROR)
CORE_FLAGS = -std=c11 $(WARNINGS) -ffp-contract=off -Iinclude -MMD -MP

LAYERS = base unicode load token quant kernels ops models gen pipeline
CORE = $(foreach layer,$(LAYERS),$(sort $(wildcard src/$(layer)/*.c src/$(layer)/*/*.c)))
OBJECTS = $(CORE:%.c=$(BUILD)/obj/%.o)

TESTS = $(patsubst tests/test_%.c,%,$(sort $(wildcard tests/test_*.c)))
T ?= $(TESTS)


.PHONY: all lib cli wasm unit unit-wasm clean
.DELETE_ON_ERROR:
all: lib

lib: $(BUILD)/libwasmicro.a

$(BUILD)/libwasmicro.a: $(OBJECTS)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/obj/src/kernels/%.o: CORE_FLAGS += -O3
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS) $(CORE_FLAGS) -c $< -o $@

# Tests: cmocka natively.
$(BUILD)/tests/test_%: $(BUILD)/obj/tests/test_%.o $(BUILD)/obj/tests/harness.o $(BUILD)/libwasmicro.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $^ -lcmocka -lm -o $@
.SECONDARY:

unit: $(T:%=$(BUILD)/tests/test_%)
	@failed=0; for t in $(T:%=$(BUILD)/tests/test_%); do \
	    CMOCKA_TEST_ABORT=0 $$t || { failed=1; echo "FAILED: $$t"; }; done; exit $$failed

# As wasm. libc.c defines memcpy and its kin and must not call itself; everywhere else the compiler
# may know them, so that a four-byte memcpy is a load.
WASM_CC ?= clang-19
WASM_LD ?= wasm-ld-19
NODE ?= node
WASM_FLAGS = --target=wasm32 -msimd128 -mbulk-memory -mnontrapping-fptoint -nostdlib -fvisibility=hidden
WASM_CORE = $(CORE:%.c=$(BUILD)/wasm/%.o)
WASM_LIBC = $(patsubst %.c,$(BUILD)/wasm/%.o,$(wildcard wasm/libc.c))
WASM_BORDER = $(patsubst %.c,$(BUILD)/wasm/%.o,$(filter-out wasm/libc.c,$(wildcard wasm/*.c)))

WASM_OPTIMIZE = -Oz
$(BUILD)/wasm/src/kernels/%.o: WASM_OPTIMIZE = -O3
$(BUILD)/wasm/wasm/libc.o: WASM_OPTIMIZE = -O2 -fno-builtin
$(BUILD)/wasm/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(WASM_CC) $(WASM_FLAGS) $(WASM_OPTIMIZE) $(CORE_FLAGS) -c $< -o $@

$(BUILD)/wasm-tests/test_%.wasm: $(BUILD)/wasm/tests/test_%.o $(BUILD)/wasm/tests/harness.o $(WASM_CORE) $(WASM_LIBC)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(WASM_LD) --no-entry --stack-first -z stack-size=1048576 --gc-sections \
	    --export-table --export=__stack_pointer $^ -o $@

unit-wasm: $(T:%=$(BUILD)/wasm-tests/test_%.wasm)
	$(NODE) tests/run_wasm.mjs $^

# The command line: C with POSIX, on the public header alone.
CLI = $(sort $(wildcard cli/*.c))

cli: $(BUILD)/wasmicro

$(BUILD)/obj/cli/%.o: CORE_FLAGS += -D_XOPEN_SOURCE=700
$(BUILD)/wasmicro: $(CLI:%.c=$(BUILD)/obj/%.o) $(BUILD)/libwasmicro.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $^ -lm -o $@

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
