# Coverage of the tools and of common/ by unit tests, fuzz seeds, end-to-end and
# browser tests together.  scripts/cov says what is counted.

# The least per cent of each folder.
COV_LINES ?= 85
COV_BRANCHES ?= 75
COV_MAKE = $(MAKE) --no-print-directory BUILD=cov B=build/cov \
  BIN=$(CURDIR)/build/cov/bin

cov: ## tests with coverage by folder (COV_LINES=85 COV_BRANCHES=75)
	@scripts/deps build run web test cov
	@$(MAKE) --no-print-directory web
	@rm -rf build/cov
	@$(COV_MAKE) -j2 all unit-build fuzz-replay-build testtools
	@status=0; $(COV_MAKE) -k unit fuzz-replay e2e || status=1; \
	  scripts/cov $(COV_LINES) $(COV_BRANCHES) || status=1; exit $$status

.PHONY: cov
