# SPDX-License-Identifier: MIT OR Apache-2.0
"""Peak memory over 100,000 texts of varying length (make verify VERIFY=soak): the long form of tests/cli/test_soak.py."""

import os
import subprocess
import sys

import common

if __name__ == "__main__":
    environment = os.environ | {"SOAK": "1", "WASMICRO": str(common.CLI)}
    sys.exit(
        subprocess.run(
            [sys.executable, "-m", "unittest", "discover", "-s", "tests/cli", "-p", "test_soak.py"],
            cwd=common.ROOT,
            env=environment,
        ).returncode
    )
