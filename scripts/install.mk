# make install PREFIX=/usr/local DESTDIR=: see scripts/install.

DEBUGDIR ?= $(PREFIX)/lib/debug
INSTALL_AT = DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' DEBUGDIR='$(DEBUGDIR)'

install: all ## PREFIX=/usr/local, DESTDIR=; debug symbols go to DEBUGDIR
	@$(INSTALL_AT) MAKE='$(MAKE)' scripts/install put $(BIN) $(TOOLS)

uninstall: ## remove what install put there
	@$(INSTALL_AT) scripts/install remove

.PHONY: install uninstall
