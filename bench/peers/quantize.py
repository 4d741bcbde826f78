#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""An ONNX graph in 8 bits, with the settings that transformers.js' "q8" files were made with:

    python3 quantize.py IN.onnx OUT.onnx
"""

import logging
import sys

from onnxruntime.quantization import QuantType, quantize_dynamic

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    logging.disable(logging.WARNING)
    quantize_dynamic(sys.argv[1], sys.argv[2], weight_type=QuantType.QInt8, per_channel=True, reduce_range=True,
                     extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True})
