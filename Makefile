# tickwire: `make help` lists what can be made.
# BUILD=release|debug|asan|cov chooses how; each has its own build/<mode>/.
# `bin/` holds the tools of the mode that was built last.

BUILD ?= release
B ?= build/$(BUILD)
BIN ?= bin
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 1.0.0
TOOLS := tickpub bargen wsgate ratelimitd
PYTHON ?= /usr/bin/python3

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wwrite-strings -Wpointer-arith -Wcast-align \
  -Wformat=2 -Wundef -Wvla -Wconversion -Wno-sign-conversion -Wswitch-enum \
  -Wimplicit-fallthrough -Wnull-dereference -Wdeclaration-after-statement \
  -Werror
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong \
  -fstack-clash-protection
# Only x86 has it: the compiler says.
HARDEN += $(shell echo | $(CC) -fcf-protection -x c -c -o /dev/null - \
  2>/dev/null && echo -fcf-protection)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all \
  -fno-omit-frame-pointer

MODE_release := -O2 -g $(HARDEN)
MODE_debug := -O0 -g3
MODE_asan := -O1 -g $(SAN)
MODE_cov := -O0 -g --coverage
ifeq ($(MODE_$(BUILD)),)
$(error BUILD=$(BUILD) is not a mode (try release, debug, asan, cov))
endif
LDMODE_release := -pie -Wl,-z,relro,-z,now
# As a shared library gcc's libubsan ignores log_path; clang links statically.
LDMODE_asan := $(SAN) \
  $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
LDMODE_cov := --coverage

CPPFLAGS += -I. -D_GNU_SOURCE -DTW_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=c11 -fPIE $(WARN) $(MODE_$(BUILD)) $(CFLAGS)
ALL_LDFLAGS = $(LDMODE_$(BUILD)) $(LDFLAGS)
LIBS := -lhiredis -luv -lwslay -lhttp_parser -ljansson -lcrypto -lm

COMMON_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard common/*/*.c))
tool_obj = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c $(1)/*/*.c))
# What a test of a tool links: everything of the tool but its main().
part_obj = $(filter-out $(B)/$(1)/main.o,$(call tool_obj,$(1)))

UNIT_SRC := $(wildcard tests/unit/*/*/*_test.c)
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
FUZZ_SRC := $(wildcard tests/fuzz/*/*/*_fuzz.c)
FUZZ_BIN := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))

# V=1 shows whole commands; otherwise one short line for each.
ifneq ($(V),1)
Q := @
endif
say = $(if $(Q),@printf '  %-4s %s\n' $(1) $(2))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

all: $(TOOLS:%=$(BIN)/%) ## build the tools into bin/ (BUILD=release unless said)

$(BIN)/%: $(B)/tools/% FORCE
	@mkdir -p $(@D)
	@cmp -s $< $@ || cp $< $@

define TOOL_RULE
$(B)/tools/$(1): $(call tool_obj,$(1)) $(B)/libcommon.a
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS)
$(B)/lib$(1).a: $(call part_obj,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(foreach t,$(TOOLS),$(eval $(call TOOL_RULE,$(t))))

$(B)/libcommon.a: $(COMMON_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# tests/unit/<area>/<folder>/<noun>_test.c links common and, unless area is
# common, the area's parts.
define UNIT_RULE
$(B)/$(1:%.c=%): $(B)/$(1:%.c=%.o) \
  $(if $(filter $(TOOLS),$(2)),$(B)/lib$(2).a) $(B)/libcommon.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS) -lcmocka
endef
$(foreach s,$(UNIT_SRC),$(eval $(call UNIT_RULE,$(s),$(word 3,$(subst /, ,$(s))))))

-include $(shell find $(B) -name '*.d' 2>/dev/null)

FORCE:
.PHONY: all FORCE
.SECONDARY:

include $(wildcard scripts/*.mk)
