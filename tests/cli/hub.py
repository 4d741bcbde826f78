# SPDX-License-Identifier: MIT OR Apache-2.0
"""The double of the hub (tests/hub/server.mjs) for the tests of the command line."""

import json
import os
import subprocess
import urllib.request

from wasmicro import ROOT


class Hub:
    """`repos` as in server.mjs; to be closed."""

    def __init__(self, repos):
        self.process = subprocess.Popen([os.environ.get("NODE", "node"), ROOT / "tests/hub/server.mjs"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(json.dumps({"repos": repos}), file=self.process.stdin, flush=True)
        ports = json.loads(self.process.stdout.readline())
        self.endpoint, self.cdn = ports["endpoint"], ports["cdn"]
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def faults(self, faults):
        """{"cdn:model.safetensors": [{"status": 500}], …}; those of before are forgotten, and the log."""
        self.open(urllib.request.Request(self.endpoint + "/_test/faults", json.dumps(faults).encode(), method="POST")).close()
        self.log()

    def log(self):
        """(requests, addresses of the second host that were sent a token) since the last call"""
        with self.open(self.endpoint + "/_test/log") as answer:
            found = json.load(answer)
        return found["log"], found["leaks"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
