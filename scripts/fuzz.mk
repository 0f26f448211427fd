# Fuzzing.  A target is tests/fuzz/<area>/<folder>/<noun>_fuzz.c with one
# LLVMFuzzerTestOneInput(); area is common or a tool, whose parts are linked.
# Seeds lie in tests/fuzz/corpus/<area>/<folder>/<noun>/, inputs that once failed
# in tests/fuzz/regression/, in folders of the same names.  What libFuzzer finds
# on the way is kept in build/fuzz/corpus/, crashes in build/fuzz/crash/.

FUZZ_SECONDS ?= 30
FUZZ_B := build/fuzz
FUZZ_CLANG := $(CLANG)
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all \
  -fno-omit-frame-pointer
FUZZ_NAMES := $(patsubst tests/fuzz/%_fuzz.c,%,$(FUZZ_SRC))
# make fuzz FUZZ="common/event/event common/base/decimal" runs only those.
FUZZ ?= $(FUZZ_NAMES)

$(FUZZ_B)/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CLANG) $(CPPFLAGS) -std=c11 $(WARN) -O1 -g \
	  -fsanitize=fuzzer-no-link $(FUZZ_SAN) -MMD -MP -c -o $@ $<

fuzz_obj = $(patsubst %.c,$(FUZZ_B)/%.o,$(wildcard $(1)/*.c $(1)/*/*.c))

$(FUZZ_B)/libcommon.a: $(call fuzz_obj,common)
	@rm -f $@
	$(Q)ar rcs $@ $^

define FUZZ_LIB_RULE
$(FUZZ_B)/lib$(1).a: $(filter-out $(FUZZ_B)/$(1)/main.o,$(call fuzz_obj,$(1)))
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach t,$(TOOLS),$(eval $(call FUZZ_LIB_RULE,$(t))))

# $(1) area/folder/noun, $(2) area.  The second program is the same target
# without libFuzzer, built like all tests: it runs the files that it is given.
define FUZZ_RULE
$(FUZZ_B)/bin/$(1): $(FUZZ_B)/tests/fuzz/$(1)_fuzz.o \
  $(if $(filter $(TOOLS),$(2)),$(FUZZ_B)/lib$(2).a) $(FUZZ_B)/libcommon.a
	@mkdir -p $$(@D)
	$(FUZZ_CLANG) -fsanitize=fuzzer $(FUZZ_SAN) -o $$@ $$^ $(LIBS)
$(B)/tests/fuzz/$(1)_replay: $(B)/tests/fuzz/$(1)_fuzz.o \
  $(B)/tests/fuzz/replay.o \
  $(if $(filter $(TOOLS),$(2)),$(B)/lib$(2).a) $(B)/libcommon.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $(LIBS)
fuzz-$(1): $(FUZZ_B)/bin/$(1) FORCE
	@mkdir -p $(FUZZ_B)/corpus/$(1) $(FUZZ_B)/crash/$(1)
	@echo "fuzz: $(1), $(FUZZ_SECONDS) s"
	@$$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 \
	  -print_final_stats=1 -artifact_prefix=$(FUZZ_B)/crash/$(1)/ \
	  $(FUZZ_B)/corpus/$(1) $$(wildcard tests/fuzz/corpus/$(1) \
	  tests/fuzz/regression/$(1)) 2>$(FUZZ_B)/crash/$(1).log || \
	  { tail -n 60 $(FUZZ_B)/crash/$(1).log; exit 1; }
	@sed -n 's/^stat::number_of_executed_units: */fuzz: $(subst /,\/,$(1)), inputs: /p' \
	  $(FUZZ_B)/crash/$(1).log
endef
$(foreach n,$(FUZZ_NAMES),$(eval $(call FUZZ_RULE,$(n),$(firstword $(subst /, ,$(n))))))

fuzz-build: $(FUZZ:%=$(FUZZ_B)/bin/%)
fuzz: ## run every fuzz target (FUZZ_SECONDS=30 each, FUZZ="area/folder/noun ...")
	@scripts/deps build fuzz
	@$(MAKE) --no-print-directory -j2 fuzz-build
	@$(MAKE) --no-print-directory $(FUZZ:%=fuzz-%)
	@echo "fuzz: $(words $(FUZZ)) targets ran clean"

FUZZ_REPLAY := $(FUZZ_NAMES:%=$(B)/tests/fuzz/%_replay)
fuzz-replay-build: $(FUZZ_REPLAY)
fuzz-replay: fuzz-replay-build ## run the seeds and what once failed
	@for n in $(FUZZ_NAMES); do \
	  $(B)/tests/fuzz/$${n}_replay $$(find tests/fuzz/corpus/$$n \
	    tests/fuzz/regression/$$n -type f 2>/dev/null | sort) || exit 1; \
	done

-include $(shell find $(FUZZ_B) -name '*.d' 2>/dev/null)
.PHONY: fuzz fuzz-build fuzz-replay fuzz-replay-build
