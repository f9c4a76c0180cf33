# `make help` lists the targets. `make demo` and `make test` need only make and Python >= 3.11:
# each sets up what it lacks in .venv, says so, and re-uses it the next time. Set-up runs again
# when pyproject.toml changes.
#
#   BASE_PYTHON=python3.12   the Python that the virtual environment is made from
#   WORKERS=2                test processes that run at once
#   PYTEST_ARGS="-k labels"  more arguments for pytest

VENV := .venv
PYTHON := $(VENV)/bin/python
BASE_PYTHON ?=
WORKERS ?= 2
PYTEST_ARGS ?=

# The main job on a simulated world, which is kept in the cache of the user.
DEMO := $(PYTHON) -m auroral_stats demo

# Scripts that need nothing but the demo world, which the first of them builds and joins; the others
# in analyses/ take files, or minutes each.
ANALYSES := occurrence_solar_wind occurrence_imf occurrence_indices mlt_dials seasons \
    geoeffectiveness substorm_epochs human_labels
ANALYSES_OUT := output/analyses

PIP_INSTALL := $(PYTHON) -m pip install --quiet --quiet --progress-bar off
PYTEST := $(PYTHON) -m pytest
DOCS := docs/_build/html

export MPLBACKEND := Agg
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Packages or a Python of another environment must not leak into this one.
unexport PYTHONPATH
unexport PYTHONHOME

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pip runs at once in one environment would spoil it.
.NOTPARALLEL:
.PHONY: help demo analyses test doctest slow bench lint format types docs clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.core ## build the simulated demo world and run the main job on it
	@echo "== demo: $(DEMO)"
	@$(DEMO)

analyses: $(VENV)/.core ## run the scripts of analyses/ on the demo world
	@for name in $(ANALYSES); do \
	    echo "== analyses/$$name.py"; \
	    $(PYTHON) analyses/$$name.py --out $(ANALYSES_OUT) || exit 1; \
	done
	@echo "== analyses/sky_film_strips.py"
	@$(PYTHON) analyses/sky_film_strips.py --classes $(ANALYSES_OUT)/sky_classes.png \
	    --strips $(ANALYSES_OUT)/sky_strips.png

test: $(VENV)/.test ## run the quick tests and every example in the docstrings
	@echo "== quick tests and docstring examples, $(WORKERS) at once"
	$(PYTEST) -m "not slow" -n $(WORKERS) --doctest-modules auroral_stats classifier tests $(PYTEST_ARGS)

doctest: $(VENV)/.test ## run only the examples in the docstrings
	$(PYTEST) --doctest-modules auroral_stats classifier $(PYTEST_ARGS)

slow: $(VENV)/.test ## run the tests that take minutes
	@echo "== slow tests, $(WORKERS) at once"
	$(PYTEST) -m slow -n $(WORKERS) tests $(PYTEST_ARGS)

bench: $(VENV)/.test ## run the benchmarks, one at a time
	@echo "== benchmarks (quiet machine, please)"
	$(PYTEST) --benchmark-enable -o python_files="bench_*.py test_*.py" tests/benchmarks $(PYTEST_ARGS)

lint: $(VENV)/.test ## check style and format with ruff
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

format: $(VENV)/.test ## let ruff fix style and format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

types: $(VENV)/.test ## check types with mypy --strict
	$(PYTHON) -m mypy

docs: $(VENV)/.docs ## build the documentation, warnings as errors
	@echo "== documentation into $(DOCS)/index.html"
	$(PYTHON) -m sphinx -W --keep-going --nitpicky --quiet -b html docs $(DOCS)

clean: ## remove what builds and tests left behind, but keep .venv
	rm -rf build dist docs/_build docs/gallery docs/reference/api docs/reference/generated
	rm -rf .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find auroral_stats classifier tests docs -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf $(VENV) *.egg-info

# ---- set-up ------------------------------------------------------------------------------------

$(VENV)/.made:
	@base="$(BASE_PYTHON)"; seen=""; \
	for candidate in $${base:-python3.13 python3.12 python3.11 python3 python}; do \
	    version=$$($$candidate -c 'import platform; print(platform.python_version())' 2>/dev/null) || continue; \
	    if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "== making $(VENV) with $$candidate (Python $$version)"; \
	        $$candidate -m venv $(VENV) && touch $@ && exit 0 || exit 1; \
	    fi; \
	    seen="$$seen $$candidate=$$version"; \
	done; \
	echo "make: no usable Python: needed is >= 3.11 with venv, found$${seen:- none}." >&2; \
	echo "      Install one (Debian: apt-get install python3 python3-venv python3-dev)," >&2; \
	echo "      or name it: make BASE_PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1

comma := ,
# $(1): what to install, $(2): a word for the reader.
define install
	@echo "== installing $(2) into $(VENV) (minutes the first time)"
	@$(PIP_INSTALL) --editable "$(1)" || { \
	    echo "make: pip could not install $(1); its message is above." >&2; \
	    echo "      aacgmv2 is compiled on installation: it needs a C compiler and the headers" >&2; \
	    echo "      of Python (Debian: apt-get install gcc python3-dev)." >&2; \
	    exit 1; }
	@touch $@
endef

$(VENV)/.core: pyproject.toml $(VENV)/.made
	$(call install,.,auroral_stats (core; no torch))

$(VENV)/.test: pyproject.toml $(VENV)/.made
	$(call install,.[test$(comma)classifier],auroral_stats$(comma) torch and what the tests need; some 7 GB)
	@touch $(VENV)/.core

$(VENV)/.docs: pyproject.toml $(VENV)/.made
	$(call install,.[docs],auroral_stats with what the documentation needs)
	@touch $(VENV)/.core
