.PHONY: test
test: .venv/ready
	.venv/bin/python -m pytest
.venv/ready: pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install -q torch==2.13.0 -e ".[dev]"
	touch $@
