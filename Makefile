# make                 set up .venv, then train an agent on CartPole-v1 (SEED=n: another seed)
# make test            run everything that continuous integration checks, in a few minutes
# make fast            check style and the core while you edit, in under half a minute
# make notebooks       rebuild the notebooks from notebooks/src (NAMES="00 02": only these)
# make lab             open the notebooks in JupyterLab
# make clean           remove what these commands made, except runs/
# make help            print this list (maintainers: make help-maintainers)

PYTHON ?= python3
SEED ?=
NAMES ?=

RUN = .venv/bin/python -m

.PHONY: train test fast notebooks lab clean help

train: .venv/ready
	$(RUN) pg_edu train $(if $(SEED),--seed $(SEED))
	@echo "How does it work? Run make lab, and begin with 00_quickstart."

# One thread a worker: there are as many workers as cores.
test: export OMP_NUM_THREADS = 1
test: .venv/ready
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pytest --nbval --numprocesses=auto --dist=loadfile

fast: .venv/ready
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) pytest -q -m "not slow" tests/core tests/repo

notebooks: .venv/ready
	.venv/bin/python notebooks/build.py $(NAMES)

lab: .venv/ready
	$(RUN) jupyter lab notebooks

clean:
	rm -rf .venv .venv-parity .venv-ray .venv-bench .venv-course .venv-oldest .venv-newest build dist *.egg-info \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

help:
	@sed -n 's/^# make/make/p' Makefile

# A virtual environment is ready if its stamp is newer than the files it was installed from.
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) install.py .venv dev
	@touch $@

include maintain.mk
