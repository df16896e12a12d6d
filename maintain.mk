# make parity                   compare with the real Tianshou 1.1.0, 1.2 and 2, in its own virtual environment
# make bench                    measure time and memory against bare loops, Tianshou and Stable-Baselines3;
#                               write tests/bench/RESULTS.md (PARTS="learning memory": print only these)
# make bench-quick              print a shorter measurement, in less than three minutes
# make ray                      test sweeps on a local Ray cluster, in its own virtual environment
# make publish REPO=owner/name  write the repository's address wherever it is shown
# make help-maintainers         print this list

PARTS ?=
REPO ?=

.PHONY: parity bench bench-quick ray publish help-maintainers

parity: .venv-parity/ready
	.venv-parity/bin/python tests/parity/run.py
	PYTHONPATH=.venv-parity/tianshou12 .venv-parity/bin/python tests/parity/tianshou12.py
	PYTHONPATH=.venv-parity/tianshou2 .venv-parity/bin/python tests/parity/tianshou2.py

bench: .venv-bench/ready
	.venv-bench/bin/python tests/bench/run.py $(PARTS)

bench-quick: .venv-bench/ready
	.venv-bench/bin/python tests/bench/run.py --quick $(PARTS)

ray: .venv-ray/ready
	.venv-ray/bin/python -m pytest -o addopts= tests/runs/ray_cluster.py

publish: .venv/ready
	.venv/bin/python notebooks/publish.py $(REPO)

help-maintainers:
	@sed -n '/^$$/q; s/^# //p' maintain.mk

# Tianshou 1.1.0 asks for numpy<2 and gymnasium<0.29 but runs without these limits: hence --no-deps,
# and the extra `parity`, which lists the other packages it imports.
.venv-parity/ready: pyproject.toml constraints.txt
	$(require-python)
	$(PYTHON) -m venv .venv-parity
	.venv-parity/bin/python -m pip install -q -c constraints.txt -e ".[parity]"
	.venv-parity/bin/python -m pip install -q --no-deps tianshou==1.1.0
	.venv-parity/bin/python -m pip install -q --no-deps --target .venv-parity/tianshou12 tianshou==1.2.0
	.venv-parity/bin/python -m pip install -q --no-deps --target .venv-parity/tianshou2 tianshou==2.0.1
	@touch $@

.venv-bench/ready: pyproject.toml constraints.txt
	$(require-python)
	$(PYTHON) -m venv .venv-bench
	@echo "Installing into .venv-bench: pg_edu, Tianshou 1.1.0, Stable-Baselines3, MuJoCo."
	.venv-bench/bin/python -m pip install -q -c constraints.txt -e ".[bench]"
	.venv-bench/bin/python -m pip install -q --no-deps tianshou==1.1.0
	@touch $@

.venv-ray/ready: pyproject.toml constraints.txt
	$(require-python)
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install -q -c constraints.txt -e ".[ray]" pytest hypothesis
	@touch $@
