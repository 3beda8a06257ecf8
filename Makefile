# Two commands: `make demo` brings the local stack up; `make test` is everything CI runs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Of this checkout: the environment may be older than it.
READY := build/packages
# When the installation of the packages began.
INSTALLING := build/installing
# The goals that start a cluster.
CLUSTER := demo test unit bench tools

# What pytest and Python compiled once is kept, whatever the caller's environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help packages demo test lint types compiled unit bench conformance tools clean schema sdk licences

help:
	@echo "make demo    what the policy allows, then the local stack: preview, update, what it made"
	@echo "make test    everything CI runs: format, lint, types, tests"
	@echo "make packages   the Python packages alone, into $(VENV)"
	@echo "make bench   measure the program and the policy against their bounds"
	@echo "make conformance NAME=conf-me   walk over the deployment that CODER_URL and KUBECONFIG name"
	@echo "make schema  write what is made from the settings' and the resources' types"
	@echo "make licences   write docs/licences.md: every dependency and its licence, each to be accepted"
	@echo "make sdk     write sdks/coderd from sdks/schema/coderd.json"
	@echo "make clean   end every process the local stack started and remove its state"

# `.venv` leads to packages that are installed once for all checkouts which want the same; one that
# leads nowhere is made anew, as is one whose packages are to change.
ifeq ($(wildcard $(BIN)/python),)
.PHONY: $(READY)
endif
$(READY): requirements.txt requirements-dev.txt $(wildcard sdks/coderd/setup.py sdks/coderd/pyproject.toml) \
		sdks/schema/coderd.json toolchain/packages.py
	@mkdir -p $(dir $(INSTALLING)) && date +%s > $(INSTALLING)
	@# Nothing of this needs a second core: what starts a cluster finds etcd built, or waits for it.
	@$(if $(filter $(CLUSTER),$(MAKECMDGOALS)),\
	{ command -v etcd || nice $(PYTHON) -m toolchain.tools etcd; } > /dev/null 2>&1 &)
	@$(PYTHON) -m toolchain.packages $(VENV)
	@touch $@

packages: $(READY)

# Two at a time: one links, on one core, while the other compiles.
tools: $(READY)
	@$(BIN)/python -m toolchain.tools etcd kube-apiserver kube-controller-manager & beside=$$!; \
	$(BIN)/python -m toolchain.tools pulumi && $(BIN)/python -m local.providers; status=$$?; \
	wait $$beside && exit $$status

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@terraform=$$(command -v terraform || command -v tofu || $(BIN)/python -m toolchain.tools opentofu) \
	&& "$$terraform" fmt -check -diff -recursive components/workspace_template/terraform
	@actionlint=$$($(BIN)/python -m toolchain.tools actionlint) && "$$actionlint"
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.gitlab-ci \
	--data-transform gitlab-ci .gitlab-ci.yml

# What mypy keeps stands beside the packages, for all checkouts that share them. Of another path it
# takes a file by its content; of the same one it would by size and second.
types: $(READY)
	@$(BIN)/mypy --cache-dir=$(VENV)/mypy \
	$(foreach each,components program ops local toolchain tests/conformance,"$(CURDIR)/$(each)")

# Once before every worker of pytest does: it goes on without.
compiled: $(READY)
	-@$(BIN)/python -m tests.compiled

# Three workers on two cores, for one often waits; a file's tests stay together: they share a cluster.
unit: $(READY) tools
	@$(BIN)/python -m toolchain.tools pulumi-language-yaml
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

# One after the other: they measure time.
bench: $(READY) tools
	@status=0; for file in bench/*.py; do \
	$(BIN)/python -m "bench.$$(basename "$$file" .py)" || status=1; done; exit $$status

# Real parts where there are any (docs/conformance.md); exit status 1 when a step failed.
conformance: $(READY)
	@test -n "$(NAME)" || { echo "say which stack and namespace it may make: NAME=conf-me" >&2; exit 2; }
	@$(BIN)/python -m tests.conformance run $(NAME) $(OPTIONS)

test: $(READY)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync lint types compiled
	@$(MAKE) --no-print-directory unit
	@echo "all green"

demo: $(READY)
	@$(BIN)/python -m local.demo; status=$$?; rm -f $(INSTALLING); exit $$status

clean: $(READY)
	@$(BIN)/python -m local.clean

schema: $(READY)
	@$(BIN)/python -c "import json; from components.settings.load import json_schema; \
	print(json.dumps(json_schema(), indent=2))" > stacks/settings.schema.json
	@$(BIN)/python -m docs.write_settings

sdk: $(READY)
	@$(BIN)/python -m toolchain.sdk

licences: $(READY)
	@$(BIN)/python -m docs.write_licences
