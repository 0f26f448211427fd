# The chart library of the page, from npm.

web: ## fetch the page's chart library from npm (checked, then kept)
	@scripts/web
.PHONY: web
