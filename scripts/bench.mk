# Speed, beside the reference programs of tests/bench and beside programs of
# others, in the same minutes.

BENCH_B := build/bench
BENCH_REF := $(addprefix $(BENCH_B)/,gen_ticks wsload rawfan rawpub rbench \
  jbench bars_limit)

$(BENCH_B)/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) -O3 -march=native -D_GNU_SOURCE -w -o $@ $< \
	  $(if $(filter rbench,$*),-lhiredis) \
	  $(if $(filter jbench,$*),-ljansson -lcjson -lyajl -lm)

$(BENCH_B)/scan_bench: $(B)/tests/bench/scan_bench.o $(B)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

bench-build: all $(BENCH_REF) $(BENCH_B)/scan_bench

BENCH_ARGS ?=
BENCH_RUN = $(PYTHON) tests/bench/bench.py --bin $(BIN) --ref $(BENCH_B)
bench: ## speed beside the reference programs (BENCH_ARGS="--help")
	@scripts/deps build bench
	@$(MAKE) --no-print-directory -j2 bench-build
	@$(BENCH_RUN) $(BENCH_ARGS)

# A peer that cannot be installed is skipped, and the bench says so.
PEERS_B := build/peers
PEER_FILES := $(wildcard tests/bench/peer/*)
$(PEERS_B)/.installed: $(PEER_FILES)
	@mkdir -p $(@D)
	@cp $(PEER_FILES) $(@D)
	@if ! command -v npm >/dev/null; then \
	  echo 'bench-peers: npm is missing, so ws and DuckDB are too' >&2; \
	elif npm install --prefix $(@D) --ignore-scripts --no-audit --no-fund \
	  --no-package-lock --loglevel=error >$(@D)/npm.log 2>&1; then touch $@; \
	else cat $(@D)/npm.log >&2; \
	  echo 'bench-peers: npm could not install ws and DuckDB' >&2; fi

bench-peers: ## speed beside nats-server, nchan, node ws, DuckDB, mawk, redis-cli
	@scripts/deps build bench
	@scripts/deps peers || echo 'bench-peers: going on with what is here' >&2
	@$(MAKE) --no-print-directory -j2 bench-build $(PEERS_B)/.installed
	@$(BENCH_RUN) --peers --peer-dir $(PEERS_B) $(BENCH_ARGS)

# BASE=DIR: the bin/ of another checkout, built the same way.
BASE ?=
bench-builds: ## speed beside another build of the tools (BASE=DIR of its bin/)
	@test -x '$(BASE)/wsgate' || { \
	  echo 'bench-builds: BASE=DIR names the bin/ of another build' >&2; \
	  exit 64; }
	@scripts/deps build bench
	@$(MAKE) --no-print-directory -j2 bench-build
	@$(BENCH_RUN) --base '$(BASE)' $(BENCH_ARGS)

.PHONY: bench bench-build bench-builds bench-peers
