# What people type: deps, run, demo, test.

deps: ## install every Debian package that is missing
	@scripts/deps build run web test lint fuzz bench cov

run: ## install, build and start everything with foreman (PORT=8080)
	@scripts/deps build run web
	@$(MAKE) --no-print-directory -j2 all web
	@exec scripts/run

demo: ## the same with no Redis: one shell pipe (PORT=8080)
	@scripts/deps build web
	@$(MAKE) --no-print-directory -j2 all web
	@exec env PORT=$(or $(PORT),8080) scripts/demo

# Tests run with sanitizers unless BUILD says otherwise.
TEST_BUILD := $(if $(filter command line environment,$(origin BUILD)),$(BUILD),asan)
TEST_B := build/$(TEST_BUILD)
TEST_BIN := $(CURDIR)/$(TEST_B)/bin

test: ## install, build with sanitizers, run every test
	@scripts/deps build run web test
	@$(MAKE) --no-print-directory web
	@$(MAKE) --no-print-directory -j2 BUILD=$(TEST_BUILD) \
	  B=$(TEST_B) BIN=$(TEST_BIN) all unit-build testtools
	@$(MAKE) --no-print-directory BUILD=$(TEST_BUILD) B=$(TEST_B) \
	  BIN=$(TEST_BIN) unit fuzz-replay
	@$(MAKE) --no-print-directory BUILD=$(TEST_BUILD) B=$(TEST_B) \
	  BIN=$(TEST_BIN) e2e

unit-build: $(UNIT_BIN)
unit: unit-build ## unit tests only
	@scripts/unit $(UNIT_BIN)

# Most of the time tests wait, so more of them run than there are processors.
PYTEST_JOBS ?= 3
PYTEST_ARGS ?=
e2e: all testtools ## end-to-end and browser tests only
	TICKWIRE_BIN=$(abspath $(BIN)) TICKWIRE_TOOLS=$(abspath $(B))/tests \
	TW_SLOW=$(if $(filter asan cov,$(BUILD)),3,1) \
	  $(PYTHON) -m pytest -q -p no:cacheprovider -n $(PYTEST_JOBS) tests/e2e tests/browser \
	  $(PYTEST_ARGS)

format: ## lay the C sources out (clang-format 14 decides)
	scripts/format $(wildcard $(addsuffix /*.[ch],$(TOOLS)) \
  $(addsuffix /*/*.[ch],common $(TOOLS))) \
	  $(wildcard tests/unit/*/*/*.[ch] tests/fuzz/*/*/*.[ch])

lint: ## everything that can be checked without running the tools
	@scripts/deps build lint
	@$(MAKE) --no-print-directory -j2 all
	@scripts/lint

.PHONY: deps run demo test unit unit-build e2e format lint testtools
