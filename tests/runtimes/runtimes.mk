# SPDX-License-Identifier: MIT OR Apache-2.0
# make test-runtimes   the package in Deno, Bun, workerd, in Firefox where it is, and bundled by Vite, webpack,
#                      Rollup; publint on what npm packs. 400 MB of tools come from the npm registry at their
#                      pinned versions

.PHONY: test-runtimes
test-runtimes: wasm tests/runtimes/node_modules
	@$(NODE) --test --test-reporter=tap tests/runtimes/*.test.js

tests/runtimes/node_modules: tests/runtimes/package-lock.json
	cd tests/runtimes && npm ci --ignore-scripts
	@touch $@
