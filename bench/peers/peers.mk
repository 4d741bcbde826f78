# SPDX-License-Identifier: MIT OR Apache-2.0
# make bench-peers          all-MiniLM-L6-v2 against onnxruntime-web, transformers.js, onnxruntime, candle (where cargo is) and
#                           PyTorch (where $(PYTHON) has one with MKL): speed in f32 and with 8-bit products, and the time
#                           to a first vector; writes bench/results and README.md's rows. Some four minutes.
# make bench-peers-decode   decoding: GPT-2's shapes in Node against onnxruntime-web, SmolLM2 in Chromium against wllama
#                           and natively against llama.cpp; writes the same. Some three minutes, and 3 GB of models before.
#                           By itself, for it needs Chromium and the larger packages. DECODE=node runs a part, and prints it.
# make bench-cold           process start to the first vector: embed() from a warm cache against transformers.js
# make bench                the kernels and the model by themselves

PEERS = bench/peers/node_modules/.package-lock.json
PEERS_PYTHON = $(BUILD)/bench/python
PEERS_ONNX = $(BUILD)/bench/onnx
PEERS_RUN = PYTHONPATH=$(PEERS_PYTHON) PYTHONDONTWRITEBYTECODE=1
PEERS_CONVERT = cli/convert.c src/quant/quant.c src/models/quant_role.c
BENCH_SECONDS ?= 3
DECODE_SECONDS ?= 40

$(PEERS): bench/peers/package-lock.json
	cd bench/peers && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(PEERS_PYTHON)/.done: bench/peers/requirements.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target $(@D) --upgrade -r $<
	@touch $@

# ---- Embeddings ------------------------------------------------------------------------------------

MINILM = $(patsubst %/,%,$(dir $(MODEL)))
PEERS_MINILM = $(PEERS_ONNX)/all-MiniLM-L6-v2/onnx/model.onnx
PEERS_MINILM_I8 = $(BUILD)/bench/all-MiniLM-L6-v2-i8
PEERS_CANDLE = $(BUILD)/bench/candle/release/candle_peer

$(PEERS_MINILM): bench/peers/export_onnx.py $(PEERS_PYTHON)/.done $(MODEL)
	$(PEERS_RUN) $(PYTHON) $< $(MINILM) $@
	@cp $(MINILM)/*.json $(@D)/..

%_q8.onnx: %.onnx bench/peers/quantize.py
	$(PEERS_RUN) $(PYTHON) bench/peers/quantize.py $< $@

$(PEERS_MINILM_I8)/model.safetensors: $(MODEL) $(PEERS_CONVERT) | cli
	@rm -rf $(@D)
	$(BUILD)/wasmicro convert $(MINILM) $(@D) --quantize i8 >/dev/null

$(PEERS_CANDLE): bench/peers/candle/Cargo.lock bench/peers/candle/src/main.rs
	-cargo build --quiet --release --locked --manifest-path bench/peers/candle/Cargo.toml --target-dir $(BUILD)/bench/candle

.PHONY: bench bench-peers bench-cold bench-peers-decode
bench-peers: wasm cli $(BUILD)/libwasmicro.so $(PEERS) $(PEERS_MINILM) $(PEERS_MINILM:.onnx=_q8.onnx) \
    $(PEERS_MINILM_I8)/model.safetensors $(if $(shell command -v cargo),$(PEERS_CANDLE))
	@$(PEERS_RUN) $(NODE) bench/peers/bench.mjs $(MINILM) $(PEERS_ONNX) $(PEERS_MINILM_I8) $(BUILD)/libwasmicro.so \
	    $(PEERS_CANDLE) $(PYTHON) $(BENCH_SECONDS)

bench-cold: wasm $(PEERS) $(PEERS_MINILM)
	@$(NODE) bench/peers/cold.mjs $(MINILM) $(PEERS_ONNX)

# ---- Decoding --------------------------------------------------------------------------------------

PEERS_GPT2 = $(BUILD)/bench/gpt2
PEERS_SMOLLM2 = $(BUILD)/bench/smollm2
SMOLLM2_GGUF = models/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf
PEERS_LLAMA = bench/peers/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64
DECODE ?= node,chromium,native
PEERS_DECODE = $(PEERS_GPT2)/model_q8.onnx $(foreach kind,f16 i8 q4,$(PEERS_GPT2)/$(kind)/model.safetensors) \
    $(foreach kind,i8 q4,$(PEERS_SMOLLM2)/$(kind)/model.safetensors) $(PEERS_SMOLLM2)/q8_0.gguf

$(PEERS_GPT2)/model.onnx: bench/peers/export_gpt2.py bench/peers/export_onnx.py $(PEERS_PYTHON)/.done
	$(PEERS_RUN) $(PYTHON) $< $(@D)

$(PEERS_GPT2)/%/model.safetensors: $(PEERS_GPT2)/model.onnx $(PEERS_CONVERT) | cli
	@rm -rf $(@D)
	$(BUILD)/wasmicro convert $(PEERS_GPT2)/f32 $(@D) --quantize $* >/dev/null

$(SMOLLM2_GGUF):
	@$(PYTHON) tools/fetch.py SmolLM2-135M-Instruct-GGUF

$(PEERS_SMOLLM2)/%/model.safetensors: $(SMOLLM2_GGUF) $(PEERS_CONVERT) | cli
	@rm -rf $(@D) && mkdir -p $(PEERS_SMOLLM2)
	$(BUILD)/wasmicro convert $< $(@D) --quantize $* >/dev/null

$(PEERS_SMOLLM2)/q8_0.gguf: $(SMOLLM2_GGUF) bench/peers/gguf_q8.py $(PEERS_PYTHON)/.done
	@mkdir -p $(@D)
	$(PEERS_RUN) $(PYTHON) bench/peers/gguf_q8.py $< $@

$(BUILD)/bench/peak.wasm: cli/peak.c src/base/base.c wasm/libc.c cli/peak.h
	@mkdir -p $(@D)/peak
	$(say) CC $@
	$(Q)$(WASM_CC) $(WASM_FLAGS) -O2 -fno-builtin -c wasm/libc.c -o $(@D)/peak/libc.o
	$(Q)for f in cli/peak.c src/base/base.c; do \
	    $(WASM_CC) $(WASM_FLAGS) -O3 -std=c11 -Iinclude -c $$f -o $(@D)/peak/$$(basename $$f .c).o || exit 1; done
	$(Q)$(WASM_LD) --no-entry --stack-first --gc-sections --export=peak_read $(@D)/peak/*.o -o $@

bench-peers-decode: wasm cli $(BUILD)/libwasmicro.so $(BUILD)/bench/peak.wasm $(PEERS) $(PEERS_DECODE)
	@$(PEERS_RUN) $(NODE) bench/peers/decode.mjs $(PEERS_GPT2) $(PEERS_SMOLLM2) $(SMOLLM2_GGUF) $(BUILD) $(PEERS_LLAMA) \
	    $(PYTHON) $(DECODE_SECONDS) $(DECODE)

bench: bench-kernels cli $(MODEL)
	$(BUILD)/wasmicro bench $(MINILM)
