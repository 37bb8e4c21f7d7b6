# The one vocabulary: people, GitHub Actions and Jenkins use these words.
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
PYTHON ?= python3
SEARCH ?= compare.yaml
EXAMPLES ?= 500
FUZZ_SECONDS ?= 600
# Before `export`, which sets what was not set.
BASE ?= origin/main
# Through the environment: neither the shell nor make is to read what a value holds. CI sets them there and calls
# make bare: what stands on its command line, make expands.
export SET TO REF REASON DESPITE JSON DIGEST REGISTRY OUT FOR BASE WEIGHTS FETCH SEARCH STORE WINDOW ENV ARCHIVE MORE
export EXAMPLES FUZZ_SECONDS RELEASE PART
# Where a token is given, git asks for it there; it is in no file and on no command line.
ifdef GITHUB_TOKEN
export GIT_ASKPASS ?= $(CURDIR)/.ci/askpass
endif

help:  ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

image-lambda: setup  ## Build the image for AWS Lambda on the tested image
	@python -m pipelines.image_lambda --report reports/image_lambda.json

emulator: requirements/emulator.txt setup  ## Fetch AWS's Lambda emulator, which tests run, into build/
	@pip download --quiet --no-deps --require-hashes --dest build/emulator --requirement requirements/emulator.txt
	@python -m zipfile -e build/emulator/aws_sam_cli-*.whl build/emulator
	@chmod +x build/emulator/samcli/local/rapid/aws-lambda-rie-*

register: setup  ## Put the bundle that passed the gate into the model registry, as the candidate
	@python -m pipelines.register --bundle data/bundle --gate reports/gate.json --card reports/model_card.md

challenge: setup  ## Compare the bundle with the one in production, on today's test images
	@python -m pipelines.challenge --raw data/raw --manifest data/manifest.parquet --splits data/splits.parquet \
	  --bundle data/bundle --gate reports/gate.json --report reports/challenge.json

push: setup  ## Push the tested image to REGISTRY=host[:port]/name, by its digest
	@python -m pipelines.push --registry "$$REGISTRY"

promote: setup  ## Promote TO=candidate|staging|production; REF= says what you mean, DESPITE= why a lost challenge is no bar
	@python -m pipelines.promote --to "$$TO" $${REF:+--ref "$$REF"} $${DESPITE:+--despite "$$DESPITE"}

rollback: setup  ## Take TO=staging|production back to what was there before; REASON= goes into the ledger
	@python -m pipelines.rollback --to "$$TO" $${REASON:+--reason "$$REASON"}

history: setup  ## Print the ledger of promotions; TO= for one stage
	@python -m pipelines.history $${TO:+--to "$$TO"}

trace: setup  ## Where REF ran, and what it leads back to; JSON=1 for programs
	@python -m pipelines.trace "$$REF" $${JSON:+--json}

export-image: setup  ## Write the image DIGEST to OUT=image.tar, for hosts without a registry
	@python -m pipelines.export_image "$$DIGEST" --out "$${OUT:-image.tar}"
preflight: setup  ## Say what automation lacks from outside, for FOR: retrain, promote, deploy or drift
	@python -m pipelines.preflight "$$FOR"

retrain: setup  ## Run the pipeline with the cache of SCANOPS_REMOTE; FETCH=anew asks the source again
	@python -m pipelines.retrain $${FETCH:+--fetch "$$FETCH"}

report: setup  ## Write one page on the last run, beside BASE (origin/main)
	@python -m pipelines.report --base "$$BASE" --page reports/summary.md

publish: setup  ## Push image, cache and lock of a run that passed, then name the candidate
	@python -m pipelines.publish

push-cache: setup  ## Push DVC's cache and what it remembers of runs to SCANOPS_REMOTE
	@python -m pipelines.push_cache

pull-cache: setup  ## Fetch what dvc.lock names from SCANOPS_REMOTE, or what RELEASE=production is made of
	@python -m pipelines.pull_cache $${RELEASE:+--release "$$RELEASE"}

login:  ## Log in to REGISTRY as REGISTRY_LOGIN_USR, where that is set, with REGISTRY_LOGIN_PSW
	@test -z "$$REGISTRY_LOGIN_USR" || printf %s "$$REGISTRY_LOGIN_PSW" | \
	  $${SCANOPS_ENGINE:-docker} login --username "$$REGISTRY_LOGIN_USR" --password-stdin "$${REGISTRY%%/*}"

propose: setup  ## Put lock, metrics and reports on a branch, open or update its pull request
	@python -m pipelines.propose --gate reports/gate.json --summary reports/summary.md

comment: setup  ## Write the page of `make report` under pull request SCANOPS_PULL_REQUEST
	@python -m pipelines.comment --summary reports/summary.md

ask-retrain: setup  ## Ask the forge for a retraining, where reports/drift.json says drift
	@python -m pipelines.ask_retrain --drift reports/drift.json

parts:  ## Install what the tests need beside Python, on Debian or Ubuntu
	@$(if $(filter 0,$(shell id -u)),,sudo) .ci/run parts

compare: setup  ## Train every candidate of SEARCH (compare.yaml), rank them by the validation split
	@python -m pipelines.compare --search "$$SEARCH" --report reports/compare.json --plot plots/compare.png

drift: setup  ## Compare what the service was asked (STORE=its store, WINDOW=500 or 7d) with validation
	@python -m pipelines.drift --store "$$STORE" --bundle data/bundle --report reports/drift.json \
	  --html reports/drift.html $${WINDOW:+--window "$$WINDOW"}
deploy-tools: setup build/deploy/ready  ## Make build/deploy, the environment of Ansible, from its lock file

build/deploy/ready: requirements/deploy.txt requirements/deploy.sh
	@requirements/deploy.sh

# MORE goes to ansible-playbook, such as MORE="--limit rack-1 --check --diff"; a limit keeps the control node in.
bootstrap: deploy-tools  ## Make the hosts of ENV ready for deployments
	@python -m pipelines.hosts bootstrap --environment "$$ENV" --more="$$MORE"

deploy: deploy-tools  ## Bring DIGEST (the ledger's) to the hosts of ENV; ARCHIVE=image.tar for those without a registry
	@python -m pipelines.hosts deploy --environment "$$ENV" --digest "$$DIGEST" \
	  $${ARCHIVE:+--archive "$$ARCHIVE"} --more="$$MORE"

deploy-inputs: setup  ## Fetch what DIGEST (the ledger's) needs to be deployed to ENV: golden images; ARCHIVE where it is named
	@python -m pipelines.deploy_inputs --environment "$$ENV" --digest "$$DIGEST" $${ARCHIVE:+--archive "$$ARCHIVE"}

rollback-hosts: deploy-tools  ## Put the hosts of ENV back to the version before, or to DIGEST of their histories
	@python -m pipelines.hosts rollback --environment "$$ENV" --digest "$$DIGEST" --more="$$MORE"

status: deploy-tools  ## Show what every host of ENV runs
	@python -m pipelines.hosts status --environment "$$ENV" --more="$$MORE"

retire: deploy-tools  ## Let the hosts of ENV that MORE="--limit …" names stop serving
	@python -m pipelines.hosts retire --environment "$$ENV" --more="$$MORE"

golden: setup  ## Pack the images and answers by which hosts check a version
	@python -m pipelines.golden --bundle data/bundle --splits data/splits.parquet --raw data/raw \
	  --predictions data/predictions.parquet --out data/golden.json

test: setup  ## Run all tests that this machine has the parts for
	@pytest -n auto --dist loadgroup

test-data: setup  ## Run the tests on the public archives, which SCANOPS_MIRROR's folder holds
	@CI=true pytest -m real_data

test-api: setup  ## Search the API for 5xx with Schemathesis; EXAMPLES of each operation
	@python -m tests.fuzz.api --examples "$$EXAMPLES"

fuzz: setup  ## Search for images that crash or hang the decoder, FUZZ_SECONDS long, into build/fuzz
	@python -m tests.fuzz.seeds build/fuzz/seeds && mkdir -p build/fuzz/found
	@python -m tests.fuzz.decode -max_total_time="$$FUZZ_SECONDS" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
	  -print_final_stats=1 -artifact_prefix=build/fuzz/ build/fuzz/found build/fuzz/seeds

parts-deploy:  ## Install what the test hosts need, on Debian or Ubuntu (as root)
	@which docker-registry skopeo mmdebstrap ssh openssl >/dev/null || { apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends docker-registry skopeo mmdebstrap openssh-client openssl >/dev/null; }

test-deploy: deploy-tools  ## Deploy to test hosts with SSH and engines of their own; print what was lost (as root)
	@CI=true pytest -m deploy -n 0 -s tests/deploy

test-automation: setup  ## Run the workflows and the Jenkinsfile, beside real remotes; PART=quick leaves out retrainings
	@pytest -m "$${PART:-automation}" -n 0 tests/automation

test-deploy-short: parts-deploy deploy-tools  ## The same on two hosts: deploy, again, upgrade, a bad version (as root)
	@CI=true SCANOPS_TEST_HOSTS=rack-1,cloud-1 pytest -m deploy -n 0 -s tests/deploy/test_1_rollouts.py \
	  -k "first_deploy or second_deploy or upgrade or wrong"

check: deploy-tools  ## Format, lint, types, import rules
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	shellcheck requirements/setup.sh .ci/run .ci/askpass .ci/actionlint .ci/go-tool .ci/groovy-lint .ci/jenkins-jars
	hadolint docker/Dockerfile docker/lambda.Dockerfile
	yamllint --strict .
	ANSIBLE_CONFIG=ansible/ansible.cfg build/deploy/bin/ansible-lint --offline -q ansible
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	zizmor --quiet --offline --pedantic .github

check-ci: setup  ## Lint the workflows with actionlint (needs Go), the Jenkinsfile with CodeNarc (needs npm, Java)
	@.ci/actionlint
	@.ci/groovy-lint

audit: setup  ## Ask whether a locked distribution has a known vulnerability (needs an advisory service)
	@python -m pipelines.audit requirements/serve.txt requirements/lambda.txt requirements/dev.txt

format: setup  ## Apply formatting and safe fixes
	ruff format .
	ruff check --fix .

lock: setup  ## Resolve the lock files anew
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --upgrade --extra serve --extra pipeline --extra cluster --extra dev pyproject.toml -o requirements/dev.txt
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --upgrade --extra serve --constraint requirements/dev.txt pyproject.toml -o requirements/serve.txt
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --upgrade --constraint requirements/dev.txt --group lambda -o requirements/lambda.txt
	echo cleanvision | build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --upgrade --constraint requirements/dev.txt - -o requirements/cleanvision.txt
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --upgrade --extra deploy pyproject.toml -o requirements/deploy.txt
	printf 'bentoml\nonnxruntime\npillow\n' | build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --upgrade - -o requirements/bentoml.txt

bench-training: setup  ## Speed of what surrounds the network: feed, first step, predictor, evaluate
	@TF_CPP_MIN_LOG_LEVEL=2 python -m benchmarks.training

bench-validation: setup  ## Speed of the scan, beside bare decoding and cleanvision, and at 100,000 images
	@python -m benchmarks.validation

bench-serving: setup  ## Speed of the service, beside its peers and a bare loop, with WEIGHTS for a trunk
	@python -m benchmarks.serving $${WEIGHTS:+--weights "$$WEIGHTS"}

bench-soak: setup  ## Memory of the service over 100,000 requests
	@python -m benchmarks.serving.soak $${WEIGHTS:+--weights "$$WEIGHTS"}

bench-public: setup  ## Accuracy on the public sets, with WEIGHTS for a trunk, into docs/public_sets.md
	@python -m benchmarks.public_sets --weights "$$WEIGHTS" --page docs/public_sets.md

bench-deploy: deploy-tools  ## Seconds of a deployment at 1 to 8 hosts, and bytes to a host without a registry (as root)
	@python -m benchmarks.deploy

bench-repro: setup  ## Duration of make repro in a fresh clone, and with nothing changed
	@python -m benchmarks.repro

screenshots: setup  ## Draw the pictures in docs/ anew (needs Chromium and a finished make repro)
	@python -m docs.screenshots

clean:  ## Remove what can be made again, but not .venv or DVC's cache
	rm -rf data plots/training plots/evaluation plots/validation reports/data_docs .pytest_cache .mypy_cache .ruff_cache

.PHONY: help setup repro accept-data serve engine image image-lambda emulator register challenge push promote rollback history trace export-image preflight retrain report publish push-cache pull-cache login propose comment ask-retrain parts compare drift deploy-tools bootstrap deploy-inputs deploy rollback-hosts status retire golden test test-data test-api fuzz parts-deploy test-deploy test-deploy-short test-automation check check-ci audit format lock bench-training bench-validation bench-serving bench-soak bench-public bench-deploy bench-repro screenshots clean
