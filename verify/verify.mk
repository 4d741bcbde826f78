# SPDX-License-Identifier: MIT OR Apache-2.0
# make verify     results against Hugging Face's, in float64, on real and on tiny models; VERIFY=minilm runs that one alone
# make verify-newer   what transformers 5 alone knows: Qwen3, Llama's rope scalings, its form of config.json; SmolLM2's
#                  ids of verify/real_generation.json once more; some five minutes
# make verify-bits   the same bits from gcc and clang, -O0 to -O3, LTO, 32 bits, AArch64, wasm; some ten minutes
# make tiny       makes tests/tiny anew

VERIFY ?= tiny families minilm rekey real heads memory generation real_generation quant convert
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

# The newer torch is 3 GB with what it loads. VERIFY_NEWER_PYTHON=… takes an environment that is there.
VERIFY_NEWER_ENV = $(BUILD)/verify-newer-env
VERIFY_NEWER_PYTHON ?= $(VERIFY_NEWER_ENV)/bin/python
VERIFY_NEWER = families.py "real_generation.py --again smollm2"

$(VERIFY_NEWER_ENV)/ready: verify/requirements-newer.txt
	$(say) VENV $(VERIFY_NEWER_ENV)
	$(Q)rm -rf $(VERIFY_NEWER_ENV)
	$(Q)$(PYTHON) -m venv $(VERIFY_NEWER_ENV)
	$(Q)$(VERIFY_NEWER_ENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	$(Q)touch $@

.PHONY: verify-newer
verify-newer: cli $(if $(filter file,$(origin VERIFY_NEWER_PYTHON)),$(VERIFY_NEWER_ENV)/ready)
	@failed=0; for script in $(VERIFY_NEWER); do \
	    WASMICRO=$(BUILD)/wasmicro $(VERIFY_NEWER_PYTHON) verify/$$script || failed=1; \
	done; [ $$failed = 0 ] && echo "verify-newer: all within their limits" || { echo "verify-newer: MISSED"; exit 1; }

# ---- Tokenizers ----------------------------------------------------------------------------------
# make verify-tokenizers   every id, offset and decoded text against the wheels'; ten minutes to an hour. One alone:
#                          make verify-tokenizers TOKENIZERS=models/gpt-4o-tokenizer
#                          In pieces: make verify-tokenizers RESUME=build/tokenizers-run PIECE=100, again until it is done

FETCHED_TOKENIZERS = all-MiniLM-L6-v2 gpt2-tokenizer flan-t5-tokenizer xlm-r-tokenizer modernbert-tokenizer \
    neox-tokenizer llama3-tokenizer qwen3-tokenizer deepseek-v3-tokenizer gpt-4o-tokenizer gpt-3.5-tokenizer \
    gemma3-tokenizer mistral-tokenizer mistral-v3-tokenizer
# SmolLM2's comes out of its GGUF.
SMOLLM2 = models/SmolLM2-135M-Instruct
$(SMOLLM2)/tokenizer.json: | $(BUILD)/wasmicro
	@$(PYTHON) tools/fetch.py SmolLM2-135M-Instruct-GGUF
	@$(BUILD)/wasmicro convert $(SMOLLM2)-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf $(SMOLLM2) --quantize i8 >/dev/null
# Those of files that the wheel alone cannot read need transformers, which verify-env has.
TOKENIZERS ?= $(patsubst models/mistral-v3-tokenizer,models/mistral-v3-tokenizer/tokenizer.model,$(FETCHED_TOKENIZERS:%=models/%)) $(SMOLLM2) $(wildcard models/distilbert-gector models/antibody-roberta) \
    tests/tiny/gpt2-f32 tests/tiny/roberta-f32
# The small ones, without every scalar value: not those again that a folder before has byte for byte, nor a suffix,
# whose place is one's own choice, nor MPNet's, whose special tokens this wheel decodes in lower case (0.19 does not).
SMALL_TOKENIZERS ?= $(if $(filter command,$(origin TOKENIZERS)),,$(filter-out %/suffix.model %/suffix-word.model %/mpnet-f32, \
    $(wildcard tests/vectors/sentencepiece/*.model) \
    $(patsubst %/tokenizer.json,%,$(wildcard tests/tiny/*/tokenizer.json tests/vectors/tokenizers/*/tokenizer.json))))
TOKENIZERS_WHEELS = tokenizers==0.23.3 sentencepiece==0.2.3 protobuf==7.36.2 tiktoken==0.14.0
# Last on the line: --lines takes all that follows.
TOKENIZER_TEXTS = --public verify/public_texts.json --lines verify/texts.txt demo/corpus.txt
# --models: T5's and XLM-R's pieces as SentencePiece's own file too, against that wheel.
RESUMED = $(if $(RESUME),--resume $(RESUME) $(PIECE:%=--seconds %))
CHECK_TOKENIZERS = verify/tokenizers_check.py $(RESUMED) --models --scalars --random 100000 --blocks 12 \
    --cldr models/cldr-annotations

models/%/tokenizer.json models/%/vocab.json:
	@$(PYTHON) tools/fetch.py $*

$(BUILD)/tokenizers-env/ready:
	$(say) VENV $(@D)
	$(Q)$(PYTHON) -m venv $(@D)
	$(Q)$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: $(TOKENIZERS_WHEELS)
	$(Q)touch $@

.PHONY: verify-tokenizers verify-tokenizers-long verify-tokenizers-random verify-normalization
# make verify-tokenizers-long   texts of 1 to 100 MB of one thing take linear time
LONG_TOKENIZERS ?= models/all-MiniLM-L6-v2 models/llama3-tokenizer models/flan-t5-tokenizer models/deepseek-v3-tokenizer
verify-tokenizers-long: $(patsubst models/%,models/%/tokenizer.json,$(LONG_TOKENIZERS))
	@$(PYTHON) verify/tokenizers_long.py $(LONG_TOKENIZERS)

verify-tokenizers: $(BUILD)/tokenizers-env/ready $(VERIFY_ENV)/ready verify-normalization verify-tokenizers-random $(SMOLLM2)/tokenizer.json
	@for name in $(FETCHED_TOKENIZERS) cldr-annotations; do $(PYTHON) tools/fetch.py $$name || exit 1; done
	@wheel=""; files=""; for folder in $(TOKENIZERS); do \
	    [ -e $$folder/tokenizer.json ] || [ $${folder%.model} != $$folder ] && wheel="$$wheel $$folder" || files="$$files $$folder"; done; failed=0; \
	try() { "$$@" || { code=$$?; failed=1; [ $$code != 75 ] || exit 75; }; }; \
	[ -z "$$wheel" ] || try $(BUILD)/tokenizers-env/bin/python $(CHECK_TOKENIZERS) --tiktoken $$wheel $(TOKENIZER_TEXTS); \
	[ -z "$$files" ] || try $(VERIFY_ENV)/bin/python $(CHECK_TOKENIZERS) $$files $(TOKENIZER_TEXTS); \
	[ -z "$(SMALL_TOKENIZERS)" ] || try $(BUILD)/tokenizers-env/bin/python verify/tokenizers_check.py $(RESUMED) --once --random 10000 \
	    $(SMALL_TOKENIZERS) $(TOKENIZER_TEXTS); exit $$failed

# make verify-tokenizers-random   files of random components; RANDOM_FILES="3000 1": how many, and the seed
verify-tokenizers-random: $(BUILD)/tokenizers-env/ready
	@$(BUILD)/tokenizers-env/bin/python verify/tokenizers_random.py $(RANDOM_FILES)

verify-normalization: $(BUILD)/tokenizers-env/ready $(BUILD)/wasmicro
	@$(BUILD)/tokenizers-env/bin/python verify/normalization.py

VERIFY_TOKENIZERS ?= models/all-MiniLM-L6-v2 models/distilbert-gector tests/tiny/roberta-f32 tests/tiny/bert-odd tests/tiny/mpnet-f32

.PHONY: verify verify-bits tiny
verify-bits: cli wasm
	@WASMICRO=$(BUILD)/wasmicro NODE=$(NODE) $(PYTHON) verify/bits.py

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
