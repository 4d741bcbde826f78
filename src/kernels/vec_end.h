// SPDX-License-Identifier: MIT OR Apache-2.0
// Forgets a vocabulary, so that the next vec_<isa>.h can give its own.
#undef WMK_ISA
#undef vec
#undef vint
#undef LANES
#undef TILE_T
#undef PANEL_T
#undef PANEL_N
#undef v_load
#undef v_store
#undef v_set
#undef v_bits
#undef v_float
#undef v_shift
#undef v_less
#undef v_fma
#undef v_prefetch
#undef v_min
#undef v_max
#undef v_sqrt
#undef v_load_i16
#undef v_load_f16
#undef v_sums
#undef F16C
#undef I8_UNIT
#undef v_load_bytes
#undef v_from_bytes
