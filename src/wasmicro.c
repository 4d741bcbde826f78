// SPDX-License-Identifier: MIT OR Apache-2.0
// Everything, in layer order: the architecture at a glance, and the whole library as one unit
// (cc -O3 -ffp-contract=off -c src/wasmicro.c). An arrow goes up this list only.
#include "base/base.c"
#include "base/arena.c"
#include "base/maths.c"
#include "base/utf8.c"
#include "base/json.c"

#include "unicode/tables.c"
#include "unicode/unicode.c"

#include "load/safetensors.c"
#include "load/tensors.c"

#include "token/vocabulary.c"
#include "token/text.c"
#include "token/added.c"
#include "token/normalizer.c"
#include "token/pre_tokenizer.c"
#include "token/wordpiece.c"
#include "token/bpe.c"
#include "token/encode.c"
#include "token/tokenizer_read.c"
#include "token/tokenizer_json.c"
#include "token/tokenizer_files.c"
#include "token/tokenizer.c"

#include "kernels/kernels_scalar.c"
#include "kernels/kernels_simd128.c"
#include "kernels/kernels_sse2.c"
#include "kernels/kernels_avx2.c"
#include "kernels/kernels_avx512.c"
#include "kernels/select.c"

#include "gen/options.c"
#include "gen/sampler.c"
#include "gen/beams.c"
#include "gen/stop.c"
