# The chart library of the page: docs/decisions/0011-chart-library-without-npm.md.

web: ## fetch the page's chart library (checked, then kept)
	@scripts/web
.PHONY: web
