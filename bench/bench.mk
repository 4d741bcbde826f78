# SPDX-License-Identifier: MIT OR Apache-2.0
# make bench-kernels   the kernels' GFLOP/s and GB/s as shares of this machine's own peak, natively and in Node

BENCH_KERNELS = bench/kernels.c cli/peak.c src/base/base.c $(wildcard src/kernels/*.c)
BENCH_HEADERS = cli/peak.h $(wildcard src/kernels/*.h)

$(BUILD)/bench/kernels: $(BENCH_KERNELS) $(BENCH_HEADERS)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L -O3 -ffp-contract=off -Iinclude $(BENCH_KERNELS) -o $@

# The kernels of wasmicro.wasm and of wasmicro-relaxed.wasm, as these have them.
BENCH_WASM = $(BUILD)/bench/kernels-simd128.wasm $(BUILD)/bench/kernels-relaxed.wasm
BENCH_WASM_OBJECTS = $(WASM_KERNELS) $(BUILD)/wasm-lto/bench/kernels.o $(BUILD)/wasm-lto/cli/peak.o

$(BUILD)/wasm-lto/bench/%.o $(BUILD)/wasm-lto/cli/%.o: WASM_OPTIMIZE = -O3 -msimd128 -fno-lto -Wno-conversion
$(BUILD)/wasm-relaxed/bench/%.o $(BUILD)/wasm-relaxed/cli/%.o: WASM_OPTIMIZE = -O3 -msimd128 -mrelaxed-simd -fno-lto -Wno-conversion
$(BUILD)/bench/kernels-simd128.wasm: $(BENCH_WASM_OBJECTS)
$(BUILD)/bench/kernels-relaxed.wasm: $(BENCH_WASM_OBJECTS:$(BUILD)/wasm-lto/%=$(BUILD)/wasm-relaxed/%)
$(BENCH_WASM): $(BUILD)/wasm-lto/src/base/base.o $(BUILD)/wasm-lto/wasm/libc.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(WASM_LINK) $^ -o $@.linked
	$(Q)$(WASM_OPT) $(WASM_OPT_FEATURES) --enable-simd --enable-relaxed-simd $(WASM_OPT_PASSES) $@.linked -o $@

.PHONY: bench-kernels
bench-kernels: $(BUILD)/bench/kernels $(BENCH_WASM)
	$(BUILD)/bench/kernels
	$(NODE) bench/kernels_wasm.mjs $(BENCH_WASM)

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
