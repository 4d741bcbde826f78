// SPDX-License-Identifier: MIT OR Apache-2.0
// Everything, in layer order: the architecture at a glance, and the whole library as one unit
// (cc -O3 -ffp-contract=off -fno-math-errno -c src/wasmicro.c). An arrow goes up this list only.
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE // threads.c: sched_getcpu and affinity
#endif
#include "base/base.c"
#include "base/arena.c"
#include "base/threads.c"
#include "base/maths.c"
#include "base/utf8.c"
#include "base/magic.c"
#include "base/json.c"

#include "unicode/tables.c"
#include "unicode/unicode.c"

#include "load/safetensors.c"
#include "load/tensors.c"

#include "token/vocabulary.c"
#include "token/text.c"
#include "token/added.c"
#include "token/charsmap.c"
#include "token/normalizer.c"
#include "token/pre_tokenizer.c"
#include "token/wordpiece.c"
#include "token/bpe.c"
#include "token/unigram.c"
#include "token/sentencepiece_text.c"
#include "token/encode.c"
#include "token/decoder.c"
#include "token/decode.c"
#include "token/tokenizer_read.c"
#include "token/tokenizer_json.c"
#include "token/sentencepiece.c"
#include "token/tokenizer_files.c"
#include "token/tokenizer.c"

#include "quant/quant.c"

#include "kernels/kernels_scalar.c"
#include "kernels/kernels_simd128.c"
#include "kernels/kernels_sse2.c"
#include "kernels/kernels_avx2.c"
#include "kernels/kernels_avx512.c"
#include "kernels/kernels_avx512vnni.c"
#include "kernels/kernels_neon.c"
#include "kernels/kernels_neondot.c"
#include "kernels/select.c"

#include "ops/attention.c"
#include "ops/ops.c"

#include "models/families/albert.c"
#include "models/families/bert.c"
#include "models/families/distilbert.c"
#include "models/families/gpt2.c"
#include "models/families/gpt_neox.c"
#include "models/families/llama.c"
#include "models/families/mpnet.c"
#include "models/families/static.c"
#include "models/families/t5.c"
#include "models/config.c"
#include "models/weights.c"
#include "models/quant_role.c"
#include "models/session.c"
#include "models/transformer.c"

#include "gen/options.c"
#include "gen/sampler.c"
#include "gen/beams.c"
#include "gen/stop.c"

#include "pipeline/sentence.c"
#include "pipeline/pipeline.c"
#include "pipeline/generate.c"
#include "pipeline/heads.c"
#include "pipeline/chat.c"
