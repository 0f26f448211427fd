# Programs that tests start, one file each: tests/tools/<name>.c.
TEST_TOOL_SRC := $(wildcard tests/tools/*.c)
TEST_TOOL_BIN := $(patsubst %.c,$(B)/%,$(TEST_TOOL_SRC))

# What those that make load share: tests/tools/load/.
TEST_LOAD_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/tools/load/*.c))
$(B)/libload.a: $(TEST_LOAD_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(TEST_TOOL_BIN): $(B)/tests/tools/%: $(B)/tests/tools/%.o $(B)/libload.a \
  $(B)/libcommon.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

testtools: $(TEST_TOOL_BIN) ## build the programs that the tests start
.PHONY: testtools
