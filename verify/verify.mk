# SPDX-License-Identifier: MIT OR Apache-2.0
# make verify     results against Hugging Face's, in float64, on real and on tiny models; VERIFY=minilm runs that one alone
# make verify VERIFY=real_generation     flan-t5-small and SmolLM2 token by token: some twenty minutes, not among the usual
# make tiny       makes tests/tiny anew

VERIFY ?= tiny minilm rekey real memory generation
VERIFY_ENV = $(BUILD)/verify-env

# Debian's python3-torch belongs to Debian's python3, whatever else is first on the path.
VERIFY_PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

$(VERIFY_ENV)/ready: verify/requirements.txt
	@$(VERIFY_PYTHON) -c "import torch, venv" || { \
	    echo "verify needs: apt-get install --no-install-recommends python3-torch python3-venv" >&2; exit 1; }
	$(say) VENV $(VERIFY_ENV)
	$(Q)rm -rf $(VERIFY_ENV)
	$(Q)$(VERIFY_PYTHON) -m venv --system-site-packages $(VERIFY_ENV)
	$(Q)$(VERIFY_ENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	$(Q)touch $@

VERIFY_TOKENIZERS ?= models/all-MiniLM-L6-v2 models/distilbert-gector tests/tiny/roberta-f32 tests/tiny/bert-odd

.PHONY: verify tiny
verify: cli wasm $(VERIFY_ENV)/ready
	@failed=0; for script in $(VERIFY); do \
	    BUILD=$(BUILD) WASMICRO=$(BUILD)/wasmicro NODE=$(NODE) $(VERIFY_ENV)/bin/python verify/$$script.py || failed=1; \
	done; \
	for folder in $(if $(filter command,$(origin VERIFY)),,$(VERIFY_TOKENIZERS)); do \
	    $(VERIFY_ENV)/bin/python verify/tokenizers_check.py $$folder --scalars --random 2000 \
	        --lines verify/texts.txt demo/corpus.txt || failed=1; \
	done; [ $$failed = 0 ] && echo "verify: all within their limits" || { echo "verify: MISSED"; exit 1; }

tiny: $(VERIFY_ENV)/ready
	@$(VERIFY_ENV)/bin/python tools/make_tiny.py
