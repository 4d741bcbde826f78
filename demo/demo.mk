# SPDX-License-Identifier: MIT OR Apache-2.0
# make demo   search by meaning in a page, from a static server on this machine

.PHONY: demo
demo: wasm $(MODEL)
	@echo "http://localhost:8000/demo/"
	@$(PYTHON) -m http.server --bind 127.0.0.1 8000
