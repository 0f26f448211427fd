# The Redis function is part of the program: its text becomes an array (a string
# literal of that length is not ISO C).
$(B)/ratelimitd/function_text.c: ratelimitd/redis/function.lua
	@mkdir -p $(@D)
	@{ echo '#include "ratelimitd/redis/function_text.h"'; \
	  echo 'const char function_text[] = {'; \
	  od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; echo '0};'; \
	  echo 'const size_t function_text_len = sizeof function_text - 1;'; } > $@

$(B)/ratelimitd/function_text.o: $(B)/ratelimitd/function_text.c
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tools/ratelimitd $(B)/libratelimitd.a: $(B)/ratelimitd/function_text.o
