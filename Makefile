# SPDX-License-Identifier: MIT OR Apache-2.0
# make lib    build/libwasmicro.a          make unit    every tests/test_*.c natively (T=json: one)
# BUILD=dir builds elsewhere than in build/ (two makes at once should not share one).

BUILD ?= build
CC ?= cc
AR ?= ar
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes $(WERROR)
CORE_FLAGS = -std=c11 $(WARNINGS) -ffp-contract=off -Iinclude -MMD -MP

LAYERS = base unicode load token quant kernels ops models gen pipeline
CORE = $(foreach layer,$(LAYERS),$(sort $(wildcard src/$(layer)/*.c src/$(layer)/*/*.c)))
OBJECTS = $(CORE:%.c=$(BUILD)/obj/%.o)

TESTS = $(patsubst tests/test_%.c,%,$(sort $(wildcard tests/test_*.c)))
T ?= $(TESTS)

.PHONY: all lib unit clean
.DELETE_ON_ERROR:
all: lib

lib: $(BUILD)/libwasmicro.a

$(BUILD)/libwasmicro.a: $(OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/obj/src/kernels/%.o: CORE_FLAGS += -O3
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CORE_FLAGS) -c $< -o $@

# Tests: cmocka natively.
$(BUILD)/tests/test_%: $(BUILD)/obj/tests/test_%.o $(BUILD)/obj/tests/harness.o $(BUILD)/libwasmicro.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ -lcmocka -lm -o $@
.SECONDARY:

unit: $(T:%=$(BUILD)/tests/test_%)
	@failed=0; for t in $(T:%=$(BUILD)/tests/test_%); do \
	    CMOCKA_TEST_ABORT=0 $$t || { failed=1; echo "FAILED: $$t"; }; done; exit $$failed

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
