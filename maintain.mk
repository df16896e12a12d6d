# make parity                   compare with the real Tianshou 1.1.0, 1.2 and 2, in its own virtual environment
# make bench                    measure time and memory against bare loops, Tianshou and Stable-Baselines3;
#                               write tests/bench/RESULTS.md (PARTS="learning memory": print only these)
# make bench-quick              print a shorter measurement, in less than three minutes
# make mark-bench               test marking thoroughly; mark 200 generated submissions of 02 and of 07, and six capstones
# make ray                      test sweeps on a local Ray cluster, in its own virtual environment
# make course                   run nbgrader's own commands on a page of `pg-edu assign`, in its own virtual environment
# make site                     build the website from the executed notebooks, into build/site
# make site-test                open every page of it in a headless Chromium, and JupyterLab as well
# make oldest                   run the tests with the lower bounds of pyproject.toml (PYTHON=python3.11)
# make newest                   run the tests with the newest version of every package
# make readme-pictures          draw the pictures of the README, light and dark
# make publish REPO=owner/name  write the repository's address wherever it is shown
# make probe-table              probe every broken and every right agent with three seeds (PARTS="--seeds 0"); an hour
# make help-maintainers         print this list

PARTS ?=
REPO ?=

.PHONY: parity bench bench-quick mark-bench ray course site site-test oldest newest readme-pictures publish probe-table help-maintainers

parity: .venv-parity/ready
	.venv-parity/bin/python tests/parity/run.py
	PYTHONPATH=.venv-parity/tianshou12 .venv-parity/bin/python tests/parity/tianshou12.py
	PYTHONPATH=.venv-parity/tianshou2 .venv-parity/bin/python tests/parity/tianshou2.py
	.venv-parity/bin/python tests/parity/probe_adapters.py tianshou
	.venv-parity/bin/python tests/parity/probe_adapters.py sb3
	.venv-parity/bin/python tests/parity/probe_adapters.py plain
	.venv-parity/bin/python tests/parity/probe_adapters.py "single file"
	PYTHONPATH=.venv-parity/tianshou2 .venv-parity/bin/python tests/parity/probe_adapters.py tianshou2

bench: .venv-bench/ready
	.venv-bench/bin/python tests/bench/run.py $(PARTS)

bench-quick: .venv-bench/ready
	.venv-bench/bin/python tests/bench/run.py --quick $(PARTS)

mark-bench: .venv/ready
	$(RUN) pytest -o addopts= tests/coursework/marking/thorough.py
	$(RUN) tests.coursework.marking.bench 02_returns
	$(RUN) tests.coursework.marking.bench 07_training
	$(RUN) tests.coursework.capstone.bench

ray: .venv-ray/ready
	.venv-ray/bin/python -m pytest -o addopts= tests/runs/ray_cluster.py

course: .venv-course/ready
	.venv-course/bin/python -m pytest -o addopts= tests/coursework/nbgrader_round_trip.py

site: .venv-site/ready
	PYTHONPATH=notebooks .venv-site/bin/python site/make.py

site-test: site
	.venv-site/bin/python -m pytest -o addopts= tests/site

# Numbers change in their last digits with the version of torch. So the notebooks are executed here,
# with all their claims, but what they print is not compared.
ANYWHERE = -m pytest --nbval-lax --numprocesses=auto --dist=loadfile

oldest:
	$(PYTHON) install.py .venv-oldest dev --versions oldest
	.venv-oldest/bin/python $(ANYWHERE)

newest:
	rm -rf .venv-newest
	$(PYTHON) install.py .venv-newest dev --versions newest
	.venv-newest/bin/python $(ANYWHERE)

readme-pictures: .venv/ready
	.venv/bin/python notebooks/draw_readme.py

publish: .venv/ready
	.venv/bin/python notebooks/publish.py $(REPO)

probe-table: .venv/ready
	.venv/bin/python -m tests.lab.probe_agents $(PARTS)

help-maintainers:
	@sed -n '/^$$/q; s/^# //p' maintain.mk

# Tianshou 1.1.0 asks for numpy<2 and gymnasium<0.29 but runs without these limits: hence --no-deps,
# and the extra `parity`, which lists the other packages it imports.
.venv-parity/ready: pyproject.toml constraints.txt
	@$(PYTHON) install.py .venv-parity parity
	.venv-parity/bin/python -m pip install -q --no-deps tianshou==1.1.0
	.venv-parity/bin/python -m pip install -q --no-deps --target .venv-parity/tianshou12 tianshou==1.2.0
	.venv-parity/bin/python -m pip install -q --no-deps --target .venv-parity/tianshou2 tianshou==2.0.1
	@touch $@

.venv-bench/ready: pyproject.toml constraints.txt
	@$(PYTHON) install.py .venv-bench bench
	.venv-bench/bin/python -m pip install -q --no-deps tianshou==1.1.0
	@touch $@

.venv-ray/ready: pyproject.toml constraints.txt
	@$(PYTHON) install.py .venv-ray ray
	.venv-ray/bin/python -m pip install -q -c constraints.txt pytest hypothesis
	@touch $@

.venv-course/ready: pyproject.toml constraints.txt
	@$(PYTHON) install.py .venv-course course
	@touch $@

# The scripts of the site come from npm; its tests need Chromium and its driver as well.
.venv-site/ready: pyproject.toml constraints.txt site/package.json
	@$(PYTHON) install.py .venv-site site
	@mkdir -p .venv-site/npm && cp site/package.json .venv-site/npm
	npm install --silent --no-audit --no-fund --no-package-lock --prefix .venv-site/npm
	@touch $@
