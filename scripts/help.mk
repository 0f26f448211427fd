help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile scripts/*.mk | sort | \
	  awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'
clean: ## remove build/ and bin/
	rm -rf build $(BIN)
.PHONY: help clean
