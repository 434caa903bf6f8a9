# Each target runs in .venv, and creates it first if necessary. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# These tests start nothing but short commands: no service, server or browser.
UNIT_TESTS := tests/clustering tests/kmeans_project tests/nacos_integration tests/serving
# Each process takes one test at a time, since some take a hundred times as long as others.
PYTEST := $(RUN) -m pytest -n 2 --dist loadgroup
# `make bench` runs the default scenarios, or with BENCH=full all sizes and numbers of clients.
BENCH ?= default
BENCH_VENV ?= $(VENV)/bench

.DEFAULT_GOAL := help
.PHONY: help run status doctor offline online admin nacos check check-newest test faults attack overload bench java-demo lint migrations unit format messages lock

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(VENV)/installed ## Serve on PORT (9999), with Nacos if NACOS_SERVER_ADDR is set
	$(RUN) manage.py migrate --no-input --skip-checks -v 0
	@exec $(RUN) manage.py serve

status doctor offline online: $(VENV)/installed
	@exec $(RUN) manage.py nacos $@

status: ## Show config and registration of the instance that runs here
doctor: ## Check what is wrong between this instance and Nacos
offline: ## Take this instance out of the registry, also across restarts
online: ## Put it back

admin: $(VENV)/installed ## Create an admin user; asks for a name and a password
	$(RUN) manage.py migrate --no-input --skip-checks -v 0
	@exec $(RUN) manage.py createsuperuser

nacos: $(VENV)/installed ## Start a real Nacos on 8848, to try things out
	@exec $(RUN) tools/nacos_server.py

check: lint migrations unit ## Check style, types and migrations, and run the unit tests

check-newest: ## Run the unit tests on Python 3.13 or 3.12, the newest that is installed
	@# A shim of pyenv on PATH may have no Python behind it, so each candidate is run.
	@newest=$$(for version in 3.13 3.12; do \
		for python in python$$version "$$(pyenv prefix $$version 2> /dev/null)/bin/python$$version"; do \
			"$$python" -c 'import sys; print(sys.executable)' 2> /dev/null && exit; \
		done; \
	done); \
	if [ -z "$$newest" ]; then \
		echo "check-newest: neither Python 3.13 nor 3.12 is installed; no tests run"; \
	else \
		echo "check-newest: $$("$$newest" --version), $$newest"; \
		$(MAKE) --no-print-directory unit VENV=$(VENV)/newest PYTHON="$$newest"; \
	fi

test: lint migrations ## Check style, types and migrations, and run all tests
	$(RUN) -m tests.support.on_postgres
	$(PYTEST) --cov --cov-report=term --durations=20

faults: $(VENV)/installed-dev ## Inject faults with real Nacos servers, and print the results
	$(RUN) -m tests.faults

attack: $(VENV)/installed-dev ## Attack a service in every known way, and print what others saw of it
	$(RUN) -m tests.attacks

overload: $(VENV)/installed-dev ## Overload a service, and print how it responds
	$(RUN) -m benchmarks.overload

bench: $(VENV)/installed-dev $(BENCH_VENV)/installed ## Compare with other servers, and update docs/performance.md
	$(RUN) -m benchmarks $(BENCH) --peers $(BENCH_VENV)/bin/python --docs docs

java-demo: $(VENV)/installed-dev ## Restart and kill services that a Java consumer calls, and print what it saw
	$(RUN) -m tests.consumers

lint: $(VENV)/installed-dev ## Check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy .

migrations: $(VENV)/installed-dev ## Check that no migration is missing
	$(RUN) manage.py makemigrations --check --dry-run

unit: $(VENV)/installed-dev ## Run the unit tests
	$(PYTEST) --durations=5 $(UNIT_TESTS)

format: $(VENV)/installed-dev ## Format the code
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

messages: $(VENV)/installed ## Collect texts to translate, and compile translations; needs gettext
	$(RUN) manage.py makemessages --locale zh_Hans --add-location file --no-obsolete --no-wrap
	$(RUN) manage.py compilemessages --ignore '.*'

lock: ## Update constraints.txt from the requirements files
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	sed '/^-c /d' requirements.txt > $(VENV)/lock/requirements.txt
	sed '/^-c /d' requirements-otel.txt > $(VENV)/lock/requirements-otel.txt
	cp requirements-dev.txt $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install -q -r $(VENV)/lock/requirements-dev.txt
	echo '# Every package that the requirements files install; made by `make lock`.' > constraints.txt
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

# The service does not use the packages of the servers that it is compared with.
$(BENCH_VENV)/installed: requirements-bench.txt constraints.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install -q -r requirements-bench.txt
	touch $@
