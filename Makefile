# make                          set up .venv, then train an agent on CartPole-v1 (SEED=n: another run)
# make test                     everything that continuous integration checks
# make notebooks                rebuild the notebooks from notebooks/src (NAMES="00 02": only these)
# make lab                      open them in JupyterLab
# make parity                   compare with the real Tianshou 1.1.0 (and 2), in an environment of its own
# make bench                    measure time and memory against bare loops, Tianshou and
#                               Stable-Baselines3; writes tests/bench/RESULTS.md (PARTS="learning
#                               memory": only these, printed)
# make bench-quick              the same in less than three minutes, printed
# make ray                      test sweeps on a local Ray, in an environment of its own
# make publish REPO=owner/name  write the address of the repository wherever it is shown
# make clean                    remove what the commands above made, runs/ excepted

PYTHON ?= python3
SEED ?=
NAMES ?=
PARTS ?=
REPO ?=

RUN = .venv/bin/python -m

.PHONY: train test notebooks lab parity ray bench bench-quick publish clean

train: .venv/ready
	$(RUN) pg_edu train $(if $(SEED),--seed $(SEED))
	@echo "How does it work? make lab, and begin with 00_quickstart."

test: .venv/ready
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pytest --nbval --numprocesses=auto --dist=loadfile

notebooks: .venv/ready
	.venv/bin/python notebooks/build.py $(NAMES)

lab: .venv/ready
	$(RUN) jupyter lab notebooks

parity: .venv-parity/ready
	.venv-parity/bin/python tests/parity/run.py
	PYTHONPATH=.venv-parity/tianshou2 .venv-parity/bin/python tests/parity/tianshou2.py

bench: .venv-bench/ready
	.venv-bench/bin/python tests/bench/run.py $(PARTS)

bench-quick: .venv-bench/ready
	.venv-bench/bin/python tests/bench/run.py --quick $(PARTS)

ray: .venv-ray/ready
	.venv-ray/bin/python -m pytest -o addopts= tests/runs/ray_cluster.py

publish: .venv/ready
	.venv/bin/python notebooks/publish.py $(REPO)

clean:
	rm -rf .venv .venv-parity .venv-ray .venv-bench build dist *.egg-info .pytest_cache .mypy_cache \
	  .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# An environment is ready when its stamp is newer than what it was installed from.
.venv/ready: pyproject.toml constraints.txt
	$(require-python)
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv: about 1.6 GB, a few minutes the first time."
	$(RUN) pip install -q -c constraints.txt -e ".[dev]"
	@touch $@

# Tianshou 1.1.0 asks for numpy<2 and gymnasium<0.29 and runs without, hence --no-deps.
TIANSHOU_NEEDS = numba h5py matplotlib overrides packaging pandas pettingzoo sensai-utils \
  tensorboard tqdm "deepdiff<8"

.venv-parity/ready: pyproject.toml constraints.txt
	$(require-python)
	$(PYTHON) -m venv .venv-parity
	.venv-parity/bin/python -m pip install -q -c constraints.txt -e . $(TIANSHOU_NEEDS)
	.venv-parity/bin/python -m pip install -q --no-deps tianshou==1.1.0
	.venv-parity/bin/python -m pip install -q --no-deps --target .venv-parity/tianshou2 tianshou==2.0.1
	@touch $@

.venv-bench/ready: pyproject.toml constraints.txt
	$(require-python)
	$(PYTHON) -m venv .venv-bench
	@echo "Installing into .venv-bench: pg_edu, Tianshou 1.1.0, Stable-Baselines3, MuJoCo."
	.venv-bench/bin/python -m pip install -q -c constraints.txt -e . $(TIANSHOU_NEEDS) \
	  stable-baselines3 mujoco imageio
	.venv-bench/bin/python -m pip install -q --no-deps tianshou==1.1.0
	@touch $@

.venv-ray/ready: pyproject.toml constraints.txt
	$(require-python)
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install -q -c constraints.txt -e ".[ray]" pytest hypothesis
	@touch $@

define require-python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "pg_edu needs Python 3.11, 3.12 or 3.13. Install one and name it: make PYTHON=python3.12"; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
  { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
endef
