# Long runs: what make test does in seconds, for minutes.

SOAK_STEPS ?= 40000
SOAK_SEEDS ?= 25

soak: soak-model soak-bars soak-streams soak-gateway soak-hostile ## all of these (30 minutes)

soak-model: ## a million steps of the gateway's model (SOAK_SEED=1)
	@scripts/deps build test
	@$(MAKE) --no-print-directory -j2 BUILD=asan B=build/asan \
	  build/asan/tests/unit/wsgate/model/model_test
	build/asan/tests/unit/wsgate/model/model_test --seed $(or $(SOAK_SEED),1) \
	  --seeds $(SOAK_SEEDS) --steps $(SOAK_STEPS) 2>/dev/null

soak-bars: ## two hundred runs of real trades through bargen that are killed
	@scripts/deps build test
	@$(MAKE) --no-print-directory -j2 BUILD=asan B=build/asan \
	  BIN=$(CURDIR)/build/asan/bin all testtools
	TW_BARS_RUNS=200 TICKWIRE_BIN=$(CURDIR)/build/asan/bin \
	  TICKWIRE_TOOLS=$(CURDIR)/build/asan/tests TW_SLOW=3 \
	  $(PYTHON) -m pytest -p no:cacheprovider -q -n 2 tests/e2e/test_bars_exact.py

soak-streams: ## ten thousand random streams beside a plain model (SOAK_SEED=1)
	@scripts/deps build test
	@$(MAKE) --no-print-directory -j2 BUILD=asan B=build/asan \
	  BIN=$(CURDIR)/build/asan/bin all testtools
	TW_BAR_STREAMS=10000 TW_BAR_SEED=$(or $(SOAK_SEED),1) \
	  TICKWIRE_BIN=$(CURDIR)/build/asan/bin \
	  TICKWIRE_TOOLS=$(CURDIR)/build/asan/tests TW_SLOW=3 \
	  $(PYTHON) -m pytest -p no:cacheprovider -q -n 2 \
	  tests/e2e/test_bargen_model.py

soak-gateway: ## three gateways, crashes, a Redis with older data; accounting
	@scripts/deps build test soak
	@$(MAKE) --no-print-directory -j2 BUILD=asan B=build/asan \
	  BIN=$(CURDIR)/build/asan/bin all testtools
	PYTHONPATH=tests/e2e TICKWIRE_BIN=$(CURDIR)/build/asan/bin \
	  TICKWIRE_TOOLS=$(CURDIR)/build/asan/tests TW_SLOW=3 \
	  $(PYTHON) -m pytest -p no:cacheprovider -q -rsP tests/soak/gateway

# What is measured is a release.
soak-hostile: ## attackers, readers who stall, 10,000 who reconnect at once
	@scripts/deps build test soak
	@$(MAKE) --no-print-directory -j2 BUILD=release B=build/release \
	  BIN=$(CURDIR)/build/release/bin all testtools
	PYTHONPATH=tests/e2e TICKWIRE_BIN=$(CURDIR)/build/release/bin \
	  TICKWIRE_TOOLS=$(CURDIR)/build/release/tests \
	  $(PYTHON) -m pytest -p no:cacheprovider -q -rsP tests/soak/hostile

.PHONY: soak soak-bars soak-streams soak-model soak-gateway soak-hostile
