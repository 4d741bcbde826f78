// SPDX-License-Identifier: MIT OR Apache-2.0
// Everything, in layer order: the architecture at a glance, and the whole library as one unit
// (cc -O3 -ffp-contract=off -c src/wasmicro.c). An arrow goes up this list only.
#include "base/base.c"
#include "base/arena.c"
#include "base/utf8.c"
#include "base/json.c"

#include "load/tensors.c"
