# SPDX-License-Identifier: MIT OR Apache-2.0
# make bench-kernels   the kernels' GFLOP/s and GB/s as shares of this machine's own peak, natively and in Node

BENCH_KERNELS = bench/kernels.c cli/peak.c src/base/base.c $(wildcard src/kernels/*.c)
BENCH_HEADERS = cli/peak.h $(wildcard src/kernels/*.h)

$(BUILD)/bench/kernels: $(BENCH_KERNELS) $(BENCH_HEADERS)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L -O3 -ffp-contract=off -Iinclude $(BENCH_KERNELS) -o $@

$(BUILD)/bench/kernels.wasm: $(BENCH_KERNELS) $(BENCH_HEADERS) wasm/libc.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(WASM_CC) $(WASM_FLAGS) -O2 -fno-builtin -c wasm/libc.c -o $(@D)/libc.o
	$(Q)for f in $(BENCH_KERNELS); do $(WASM_CC) $(WASM_FLAGS) -O3 -std=c11 -ffp-contract=off -Iinclude \
	    -c $$f -o $(@D)/$$(basename $$f .c).wasm.o || exit 1; done
	$(Q)$(WASM_LD) --no-entry --stack-first -z stack-size=1048576 --gc-sections \
	    $(@D)/libc.o $(patsubst %.c,$(@D)/%.wasm.o,$(notdir $(BENCH_KERNELS))) -o $@

.PHONY: bench-kernels
bench-kernels: $(BUILD)/bench/kernels $(BUILD)/bench/kernels.wasm
	$(BUILD)/bench/kernels
	$(NODE) bench/kernels_wasm.mjs $(BUILD)/bench/kernels.wasm

# make bench-decode MODEL_FOLDER=models/smollm2   tokens a second by kind of weights, in Node and natively
.PHONY: bench-decode
bench-decode: cli wasm
	$(NODE) bench/decode.mjs $(MODEL_FOLDER) $(BUILD)/wasmicro
# make bench-tokenizers   throughput and load times against the tokenizers wheel and transformers.js: two tables
BENCH_TOKENIZERS ?= all-MiniLM-L6-v2 flan-t5-tokenizer xlm-r-tokenizer modernbert-tokenizer llama3-tokenizer \
    qwen3-tokenizer deepseek-v3-tokenizer gpt-4o-tokenizer

.PHONY: bench-tokenizers
bench-tokenizers: $(BUILD)/libwasmicro.so wasm $(BUILD)/tokenizers-env/ready bench/peers/node_modules/.package-lock.json
	@for name in $(BENCH_TOKENIZERS) cldr-annotations; do $(PYTHON) tools/fetch.py $$name || exit 1; done
	@$(BUILD)/tokenizers-env/bin/python bench/tokenizer_speed.py $< $(BENCH_TOKENIZERS:%=models/%)
	@$(NODE) bench/tokenizer_speed.mjs bench/peers/node_modules $(BENCH_TOKENIZERS:%=models/%)
