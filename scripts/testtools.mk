# Programs that tests start, one file each: tests/tools/<name>.c.
TEST_TOOL_SRC := $(wildcard tests/tools/*.c)
TEST_TOOL_BIN := $(patsubst %.c,$(B)/%,$(TEST_TOOL_SRC))

$(TEST_TOOL_BIN): $(B)/tests/tools/%: $(B)/tests/tools/%.o $(B)/libcommon.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

testtools: $(TEST_TOOL_BIN) ## build the programs that the tests start
.PHONY: testtools
