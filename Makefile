# Everything a fresh Debian or Ubuntu needs beyond make, python3 and python3-venv is set up here.
#
#   PYTHON=python3.12 make demo     another interpreter
#   PIP_FLAGS='...' make venv       further options for pip
#
# Where a ROS 2 distribution is sourced, its rclpy is used.  Elsewhere the ROS 2 wheels are installed.

PYTHON ?= python3
PIP_FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.famda-installed
DOCS_STAMP := $(VENV)/.famda-docs-installed
JAZZY := .venv-jazzy
OLDEST := .venv-oldest
CACHES := .hypothesis .mypy_cache .pytest_cache .ruff_cache

# The tests start real ROS nodes: they must not talk to robots on the network.
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-fast test-long test-jazzy test-oldest lint docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## set up .venv with the robot's side, the workspace and the test tools

demo: $(STAMP) ## the whole loop on the built-in street world; writes runs/demo/report.html
	$(BIN)/famda demo --out runs/demo

test: lint ## lint, then all tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-fast: $(STAMP) ## the tests of a working loop: no nodes, no training, no export
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

test-long: $(STAMP) ## the node's promises at full length: streams of a minute, 200 switches, thousands of messages; 10 minutes
	FAMDA_TEST_LONG=1 $(BIN)/python -m pytest -rP test/famda_ros -k perception_node

test-jazzy: $(JAZZY)/.famda-installed ## the robot's side on ROS 2 Jazzy: Python 3.12, NumPy 1.26; 5 to 6 minutes
	$(JAZZY)/bin/python -m pytest $(SIDE_BY_SIDE) $(ROBOT_TESTS)

test-oldest: $(OLDEST)/.famda-installed ## the robot's side on Python 3.10 and the oldest versions that setup.py allows; 5 to 6 minutes
	$(OLDEST)/bin/python -m pytest $(SIDE_BY_SIDE) $(ROBOT_TESTS)

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/mypy

docs: $(DOCS_STAMP) ## the documentation as a site, build/site/index.html; a broken link or anchor fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## remove .venv, its sisters and everything built; runs/ stays
	rm -rf $(VENV) $(JAZZY) $(OLDEST) build install log *.egg-info $(CACHES)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	  echo "error: FAMDA needs Python 3.10 or newer, '$(PYTHON)' is missing or older; choose one with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: '$(PYTHON)' cannot make virtual environments; install its venv module with: sudo apt install python3-venv" >&2; exit 1; }
	@site=; if $(PYTHON) -c 'import sys, rclpy; sys.exit(sys.prefix != sys.base_prefix)' 2>/dev/null; then \
	  site=--system-site-packages; \
	elif [ -n "$$ROS_DISTRO" ]; then \
	  echo "error: ROS 2 '$$ROS_DISTRO' is sourced but '$(PYTHON)' cannot import its rclpy; use the distribution's Python or a shell without ROS" >&2; exit 1; \
	fi; \
	set -x; $(PYTHON) -m venv $$site $(VENV)

$(STAMP): setup.py pyproject.toml | $(BIN)/python
	@extras=ros,train,scale,dev; \
	if grep -qi 'include-system-site-packages *= *true' $(VENV)/pyvenv.cfg; then extras=train,scale,dev; fi; \
	set -x; $(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -e ".[$$extras]"
	@touch $@

# Tests of a file stay together, and all that start nodes (test/conftest.py).
SIDE_BY_SIDE := -n 2

# What a robot runs; no torch.
ROBOT_TESTS := test/famda_ros test/launch

# Of this version on the PATH or, where pyenv keeps it, below the home folder; prints nothing where there is none.
python-%:
	@for python in python$* $(HOME)/.pyenv/versions/$*.*/bin/python; do \
	  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then echo "$$python"; break; fi; \
	done

$(JAZZY)/bin/python: VERSION := 3.12
$(OLDEST)/bin/python: VERSION := 3.10
$(JAZZY)/bin/python $(OLDEST)/bin/python:
	@python=$$($(MAKE) -s python-$(VERSION)); if [ -z "$$python" ]; then \
	  echo "error: this needs Python $(VERSION) with its venv module, which was not found" >&2; exit 1; \
	fi; set -x; "$$python" -m venv $(@D:/bin=)

$(JAZZY)/.famda-installed: setup.py pyproject.toml | $(JAZZY)/bin/python
	$(JAZZY)/bin/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -e ".[ros-jazzy,test]"
	@touch $@

# pip takes the newest of everything; uv can take the oldest.
$(OLDEST)/.famda-installed: setup.py pyproject.toml | $(OLDEST)/bin/python
	$(OLDEST)/bin/python -m pip install --disable-pip-version-check $(PIP_FLAGS) uv
	$(OLDEST)/bin/uv pip install --python $(OLDEST)/bin/python --reinstall --resolution lowest-direct -e ".[ros,test]"
	@touch $@

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -e ".[docs]"
	@touch $@
