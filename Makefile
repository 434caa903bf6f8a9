# Everything runs from .venv, which each target makes when it is not there. `make help` lists them.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# What `make bench` does: default, or full, which adds the rest of all sizes and numbers of clients.
BENCH ?= default
BENCH_VENV ?= $(VENV)/bench

.DEFAULT_GOAL := help
.PHONY: help run admin nacos test faults overload bench java-demo lint format messages lock

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(VENV)/installed ## Serve on PORT (9999), with Nacos if NACOS_SERVER_ADDR is set
	$(RUN) manage.py migrate --no-input --skip-checks -v 0
	@exec $(RUN) manage.py serve

admin: $(VENV)/installed ## Create an admin user; asks for a name and a password
	$(RUN) manage.py migrate --no-input --skip-checks -v 0
	@exec $(RUN) manage.py createsuperuser

nacos: $(VENV)/installed ## Start a real Nacos on 8848, to try things out
	@exec $(RUN) tools/nacos_server.py

test: $(VENV)/installed-dev lint ## Check style, types and migrations, and run all tests
	$(RUN) manage.py makemigrations --check --dry-run
	$(RUN) -m tests.support.on_postgres
	@# One test at a time to whichever process is free, since some take a hundred times as long.
	$(RUN) -m pytest -n 2 --dist loadgroup --cov --cov-report=term

faults: $(VENV)/installed-dev ## Make faults against real Nacos servers, and print what came of them
	$(RUN) -m tests.faults

overload: $(VENV)/installed-dev ## Overload a service, and print how it bears it
	$(RUN) -m benchmarks.overload

bench: $(VENV)/installed-dev $(BENCH_VENV)/installed ## Compare with peers, and renew docs/performance.md
	$(RUN) -m benchmarks $(BENCH) --peers $(BENCH_VENV)/bin/python --docs docs

java-demo: $(VENV)/installed-dev ## Restart and kill what a Java consumer calls, and print what it saw
	$(RUN) -m tests.consumers

lint: $(VENV)/installed-dev ## Check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy .

format: $(VENV)/installed-dev ## Put the code in order
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

messages: $(VENV)/installed ## Collect the texts to translate, and compile the translations; needs gettext
	$(RUN) manage.py makemessages --locale zh_Hans --add-location file --no-obsolete --no-wrap
	$(RUN) manage.py compilemessages --ignore '.*'

lock: ## Renew constraints.txt from the requirements files
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	sed '/^-c /d' requirements.txt > $(VENV)/lock/requirements.txt
	sed '/^-c /d' requirements-otel.txt > $(VENV)/lock/requirements-otel.txt
	cp requirements-dev.txt $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install -q -r $(VENV)/lock/requirements-dev.txt
	echo '# Every package that the requirements files drag in; made by `make lock`.' > constraints.txt
	$(VENV)/lock/bin/python -m pip freeze --exclude pip --exclude setuptools >> constraints.txt
	rm -rf $(VENV)/lock

$(VENV)/installed: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q -r requirements.txt
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt requirements-otel.txt
	$(RUN) -m pip install -q -r requirements-dev.txt
	touch $@

# The peers' packages are none of the service's.
$(BENCH_VENV)/installed: requirements-bench.txt constraints.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install -q -r requirements-bench.txt
	touch $@
