# Speed, beside the reference programs of tests/bench, in the same minutes.

BENCH_B := build/bench
BENCH_REF := $(addprefix $(BENCH_B)/,gen_ticks wsload rawfan rawpub rbench jbench \
  bars_limit)

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
bench: ## speed beside the reference programs (BENCH_ARGS="--help")
	@scripts/deps build bench
	@$(MAKE) --no-print-directory -j2 bench-build
	@$(PYTHON) tests/bench/bench.py --bin $(BIN) --ref $(BENCH_B) \
	  $(BENCH_ARGS)

.PHONY: bench bench-build
