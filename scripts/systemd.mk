# Units for systemd, with the paths of PREFIX; scripts/install takes them.

UNIT_DIR := $(DESTDIR)$(PREFIX)/lib/systemd/system
UNITS := $(notdir $(wildcard systemd/*.service systemd/*.socket \
  systemd/*.target))

# @hardening@ becomes systemd/hardening.conf: a unit cannot include a file.
install-systemd:
	install -d $(UNIT_DIR)
	@for u in $(UNITS); do \
	  sed -e '/^@hardening@$$/{r systemd/hardening.conf' -e 'd}' \
	    -e 's|@bindir@|$(PREFIX)/bin|' systemd/$$u >$(UNIT_DIR)/$$u && \
	  chmod 644 $(UNIT_DIR)/$$u || exit; \
	done

soak-systemd: ## boot a systemd in a container, crash each tool in it (as root)
	@scripts/deps build soak
	@$(MAKE) --no-print-directory -j2 all
	@PYTHONPATH=tests/e2e $(PYTHON) -m pytest -p no:cacheprovider -xv -rsP \
	  tests/soak/test_systemd.py

.PHONY: install-systemd soak-systemd
