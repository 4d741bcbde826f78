# SPDX-License-Identifier: MIT OR Apache-2.0
# make bench-peers   all-MiniLM-L6-v2 against onnxruntime-web, transformers.js, onnxruntime and PyTorch: speed, and the
#                    time to a first vector; writes bench/results and README.md's rows. Some four minutes.
# make bench         the kernels and the model by themselves

PEERS = bench/peers/node_modules/.package-lock.json
PEERS_PYTHON = $(BUILD)/bench/python
PEERS_ONNX = $(BUILD)/bench/onnx
BENCH_SECONDS ?= 6

$(PEERS): bench/peers/package-lock.json
	cd bench/peers && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(PEERS_PYTHON)/.done: bench/peers/requirements.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target $(@D) --upgrade -r $<
	@touch $@

$(PEERS_ONNX)/all-MiniLM-L6-v2/onnx/model.onnx: bench/peers/export_onnx.py $(PEERS_PYTHON)/.done $(MODEL)
	PYTHONPATH=$(PEERS_PYTHON) $(PYTHON) $< $(dir $(MODEL)) $@
	@cp $(dir $(MODEL))*.json $(@D)/..

.PHONY: bench bench-peers bench-cold
bench-peers: wasm $(BUILD)/libwasmicro.so $(PEERS) $(PEERS_ONNX)/all-MiniLM-L6-v2/onnx/model.onnx
	@PYTHONPATH=$(PEERS_PYTHON) $(NODE) bench/peers/bench.mjs $(patsubst %/,%,$(dir $(MODEL))) $(PEERS_ONNX) \
	    $(BUILD)/libwasmicro.so $(PYTHON) $(BENCH_SECONDS)

# make bench-cold   process start to the first vector: embed() from a warm cache against transformers.js, wasm and native
bench-cold: wasm $(PEERS) $(PEERS_ONNX)/all-MiniLM-L6-v2/onnx/model.onnx
	@$(NODE) bench/peers/cold.mjs $(patsubst %/,%,$(dir $(MODEL))) $(PEERS_ONNX)

bench: bench-kernels cli $(MODEL)
	$(BUILD)/wasmicro bench $(patsubst %/,%,$(dir $(MODEL)))
