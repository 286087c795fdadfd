# Every target is one line over dev.py, which works alone where make is missing.
PYTHON ?= python3
ARGS ?=
DEV = $(PYTHON) dev.py

.PHONY: run install test lint check acceptance bench chaos audit lock

run:        ; @$(DEV) run $(ARGS)
install:    ; @$(DEV) install
test:       ; @$(DEV) test $(ARGS)
lint:       ; @$(DEV) lint
check:      ; @$(DEV) check $(ARGS)
acceptance: ; @$(DEV) acceptance $(ARGS)
bench:      ; @$(DEV) bench $(ARGS)
chaos:      ; @$(DEV) chaos $(if $(TRADES),--trades $(TRADES)) $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(ARGS)
audit:      ; @$(DEV) audit $(ARGS)
lock:       ; @$(DEV) lock $(ARGS)
