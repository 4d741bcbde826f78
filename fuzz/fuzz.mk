# SPDX-License-Identifier: MIT OR Apache-2.0
# make fuzz           every target for FUZZ_SECONDS (60) under libFuzzer, ASan and UBSan    F=json: one
# make fuzz-replay    the committed corpora through an ordinary build
# A target is fuzz/fuzz_NAME.c, its seeds are fuzz/corpus/NAME/, its words fuzz/NAME.dict. What a run
# finds lies in $(BUILD)/fuzz/NAME-…; what it learns, in $(BUILD)/fuzz/corpus/NAME.

FUZZ = $(patsubst fuzz/fuzz_%.c,%,$(sort $(wildcard fuzz/fuzz_*.c)))
F ?= $(FUZZ)
FUZZ_CC ?= clang-19
FUZZ_SECONDS ?= 60
FUZZ_SANITIZE = -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_OPTIONS = -max_len=16384 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1

.PHONY: fuzz fuzz-build fuzz-replay

fuzz: fuzz-build
	@for name in $(F); do \
	    mkdir -p $(BUILD)/fuzz/corpus/$$name; \
	    $(BUILD)/fuzz/fuzz_$$name $(FUZZ_OPTIONS) -max_total_time=$(FUZZ_SECONDS) \
	        $$(test -f fuzz/$$name.dict && echo -dict=fuzz/$$name.dict) \
	        -artifact_prefix=$(BUILD)/fuzz/$$name- \
	        $(BUILD)/fuzz/corpus/$$name fuzz/corpus/$$name || exit 1; \
	done

fuzz-build:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=$(FUZZ_CC) \
	    CFLAGS="$(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link,address,undefined \
	        -fsanitize-coverage-ignorelist=fuzz/uncovered.txt" \
	    $(F:%=$(BUILD)/fuzz/fuzz_%)

# Only ever built by the rule above, in its own folder.
$(BUILD)/fuzz_%: $(BUILD)/obj/fuzz/fuzz_%.o $(BUILD)/libcli.a $(BUILD)/libwasmicro.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined $^ $(CURL_LIBS) -lm -o $@

# The command line without its main, for the targets that are its.
$(BUILD)/libcli.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out cli/main.c,$(CLI)))
	$(say) AR $@
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

fuzz-replay: $(FUZZ:%=$(BUILD)/replay/fuzz_%)
	@for name in $(FUZZ); do $(BUILD)/replay/fuzz_$$name fuzz/corpus/$$name || exit 1; done

.PRECIOUS: $(BUILD)/obj/%.o
$(BUILD)/replay/fuzz_%: $(BUILD)/obj/fuzz/fuzz_%.o $(BUILD)/obj/fuzz/replay.o $(BUILD)/libcli.a $(BUILD)/libwasmicro.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $^ $(CURL_LIBS) -lm -o $@
