# The one vocabulary: people, GitHub Actions and Jenkins use these words.
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
PYTHON ?= python3
SEARCH ?= compare.yaml
# Through the environment: the shell is not to read what a value holds.
export SET

help:  ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready  ## Make .venv from the lock file (every other target does it too)

.venv/ready: requirements/dev.txt requirements/uv.txt requirements/setup.sh pyproject.toml
	@PYTHON=$(PYTHON) requirements/setup.sh

repro: setup  ## Run the pipeline, from data to a tested image; SET="a=b c.d=e" changes parameters
	@python -m pipelines.repro "$$SET"

accept-data: setup  ## Take the validated data as the version that later ones are compared with
	@python -m pipelines.accept_data --validation reports/validation.json --reference reference.json

serve: setup  ## Run the service that the pipeline built, on http://127.0.0.1:8080
	@python -m pipelines.serve --bundle data/bundle --report reports/image.json

engine: setup  ## Find a container engine; as root on Debian or Ubuntu, install one where none is
	@python -m pipelines.engine

image: setup  ## Build and smoke-test the image again (the last stage of repro)
	@dvc repro --single-item --force image

register: setup  ## Put the bundle that passed the gate into the model registry, as the candidate
	@python -m pipelines.register --bundle data/bundle --gate reports/gate.json --card reports/model_card.md

challenge: setup  ## Compare the bundle with the one in production, on today's test images
	@python -m pipelines.challenge --raw data/raw --manifest data/manifest.parquet --splits data/splits.parquet \
	  --bundle data/bundle --gate reports/gate.json --report reports/challenge.json

compare: setup  ## Train every candidate of SEARCH (compare.yaml), rank them by the validation split
	@python -m pipelines.compare --search "$(SEARCH)" --report reports/compare.json --plot plots/compare.png

deploy-tools: setup build/deploy/ready  ## Make build/deploy, the environment of Ansible, from its lock file

build/deploy/ready: requirements/deploy.txt requirements/deploy.sh
	@requirements/deploy.sh

# MORE goes to ansible-playbook, such as MORE="--limit rack-1 --check --diff".
bootstrap: deploy-tools  ## Make the hosts of ENV ready for deployments
	@python -m pipelines.hosts bootstrap --environment "$(ENV)" -- $(MORE)

deploy: deploy-tools  ## Bring DIGEST (the ledger's) to the hosts of ENV; ARCHIVE=image.tar for those without a registry
	@python -m pipelines.hosts deploy --environment "$(ENV)" --digest "$(DIGEST)" \
	  $(if $(ARCHIVE),--archive "$(ARCHIVE)") -- $(MORE)

rollback-hosts: deploy-tools  ## Put the hosts of ENV back to the version before, or to DIGEST of their histories
	@python -m pipelines.hosts rollback --environment "$(ENV)" --digest "$(DIGEST)" -- $(MORE)

status: deploy-tools  ## Show what every host of ENV runs
	@python -m pipelines.hosts status --environment "$(ENV)" -- $(MORE)

retire: deploy-tools  ## Let hosts of ENV (MORE="--limit …") stop serving
	@python -m pipelines.hosts retire --environment "$(ENV)" -- $(MORE)

golden: setup  ## Pack the images and answers by which hosts check a version
	@python -m pipelines.golden --bundle data/bundle --splits data/splits.parquet --raw data/raw \
	  --predictions data/predictions.parquet --out data/golden.json

test: setup  ## Run all tests that this machine has the parts for
	@pytest -n auto --dist loadgroup

test-data: setup  ## Run the tests on the public archives, which SCANOPS_MIRROR's folder holds
	@CI=true pytest -m real_data

test-deploy: deploy-tools  ## Deploy to test hosts with SSH and engines of their own; print what was lost (as root)
	@CI=true pytest -m deploy -n 0 -s tests/deploy

check: deploy-tools  ## Format, lint, types, import rules
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	shellcheck requirements/setup.sh .ci/run
	hadolint docker/Dockerfile
	yamllint --strict .
	ANSIBLE_CONFIG=ansible/ansible.cfg build/deploy/bin/ansible-lint --offline -q ansible

format: setup  ## Apply formatting and safe fixes
	ruff format .
	ruff check --fix .

lock: setup  ## Resolve the lock files anew
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --upgrade --extra serve --extra pipeline --extra cluster --extra dev pyproject.toml -o requirements/dev.txt
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --upgrade --extra serve --constraint requirements/dev.txt pyproject.toml -o requirements/serve.txt
	echo cleanvision | build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --upgrade --constraint requirements/dev.txt - -o requirements/cleanvision.txt
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --upgrade --extra deploy pyproject.toml -o requirements/deploy.txt

bench-training: setup  ## Speed of what surrounds the network: feed, first step, predictor, evaluate
	@TF_CPP_MIN_LOG_LEVEL=2 python -m benchmarks.training

bench-validation: setup  ## Speed of the scan, beside bare decoding and cleanvision, and at 100,000 images
	@python -m benchmarks.validation

bench-public: setup  ## Accuracy on the public sets, with WEIGHTS for a trunk, into docs/public_sets.md
	@python -m benchmarks.public_sets --weights "$(WEIGHTS)" --page docs/public_sets.md

bench-repro: setup  ## Duration of make repro in a fresh clone, and with nothing changed
	@python -m benchmarks.repro

screenshots: setup  ## Draw the pictures in docs/ anew (needs Chromium and a finished make repro)
	@python -m docs.screenshots

clean:  ## Remove what can be made again, but not .venv or DVC's cache
	rm -rf data plots/training plots/evaluation plots/validation reports/data_docs .pytest_cache .mypy_cache .ruff_cache

.PHONY: test-deploy deploy-tools bootstrap deploy rollback-hosts status retire golden help setup repro accept-data serve engine image register challenge compare test check format lock bench-training bench-validation bench-public bench-repro screenshots clean
