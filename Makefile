# What can be done with a checkout. `make` alone lists it.
#
# Everything but the set-up, `test-contract` and `test-real` runs as an ordinary user, without
# network services.

CARGO ?= cargo

# What building and testing needs from Debian: libvirt's headers, and a linker.
PACKAGES := pkg-config libvirt-dev gcc libc6-dev make git openssh-client
# What the tests need besides: a PostgreSQL server and a libvirtd of their own.
TEST_PACKAGES := postgresql libvirt-daemon libvirt-clients

# Snapshots are compared, never rewritten.
export INSTA_UPDATE := no

.DEFAULT_GOAL := help
.PHONY: help demo test format lints tests documentation story test-contract test-faults test-kill test-postgres test-real fuzz simulate mutate check-setup check-setup-tests
# One cargo at a time: they would only wait for each other.
.NOTPARALLEL:

help: ## List what can be done
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-15s %s\n", $$1, $$2 }'

demo: check-setup ## Try everything in the browser: a small GitLab, and machines that are only pretended
	$(CARGO) run --locked -- demo

test: format lints tests documentation story ## All that has to hold: the five below

format: check-setup ## The code looks as rustfmt would have it
	$(CARGO) fmt --check

lints: check-setup ## Neither the compiler nor clippy has anything to say; the fuzz targets compile
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTFLAGS='--cfg fuzzing' $(CARGO) check --locked --no-default-features --manifest-path fuzz/Cargo.toml --target-dir '$(or $(CARGO_TARGET_DIR),target)'

tests: check-setup check-setup-tests ## The tests
	$(CARGO) test --locked --no-fail-fast

documentation: check-setup ## The documentation builds, and its links lead somewhere
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

story: check-setup ## The whole life of a machine, played in the terminal
	$(CARGO) run --locked --quiet -- demo --story

test-faults: check-setup ## Every kind of trouble at every call to the forge, a life each (minutes)
	$(CARGO) test --locked --test scenarios --test scenarios_github matrix:: -- --ignored --nocapture

test-kill: check-setup check-setup-tests ## The real program under load, killed KILLS=200 times, and then everything counted (STORE=sqlite or postgres, SEED=1, REPLICAS=3)
	KILLS='$(KILLS)' STORE='$(STORE)' SEED='$(SEED)' REPLICAS='$(REPLICAS)' RATE='$(RATE)' \
	$(CARGO) test --locked --test survival killed -- --ignored --nocapture

test-postgres: check-setup check-setup-tests ## All stories with the store on PostgreSQL, and how fast it is (minutes)
	DATABASE=postgres $(CARGO) test --locked --no-fail-fast --test scenarios --test scenarios_github
	$(CARGO) test --locked --test store -- --ignored --nocapture figures

simulate: check-setup ## Whole lives under faults of every kind, each from one number (SEEDS=how many, FROM=first, STORY=1, SQLITE=1)
	SEEDS='$(or $(SEEDS),1000)' FROM='$(or $(FROM),0)' THREADS='$(or $(THREADS),2)' STORY='$(or $(STORY),0)' SQLITE='$(or $(SQLITE),0)' \
	$(CARGO) test --locked --profile simulate --test simulation simulate -- --ignored --nocapture

mutate: check-setup ## Breaks each law on purpose, and tells after how many lives that was noticed
	$(CARGO) test --locked --profile simulate --test simulation every_law -- --ignored --nocapture

test-contract: check-setup ## What is asked of forges, against their own API descriptions (SPEC=folder; Node 18)
	CARGO='$(CARGO)' SPEC='$(SPEC)' RECORD='$(RECORD)' PRISM='$(PRISM)' tests/contract/run.sh

test-real: check-setup ## Machines for real, on libvirt and Ganeti of its own; as root or with sudo (ONLY=libvirt, ganeti, life)
	CARGO='$(CARGO)' ONLY='$(ONLY)' GUEST='$(GUEST)' tests/real/run.sh

fuzz: check-setup ## Foreign text made by a machine, SECONDS=60 each (TARGET=cookbook, cases, expression, request, comment, webhook, config, delivery, gitlab, github, ganeti, libvirt)
	CARGO='$(CARGO)' SECONDS_EACH='$(or $(SECONDS),60)' $(if $(TARGET),TARGETS='$(TARGET)') fuzz/run.sh

check-setup: ## Install what Debian packages are missing (asks sudo unless root)
	@command -v $(firstword $(CARGO)) >/dev/null || { \
	  echo 'Rust is missing: https://rustup.rs, or the image rust:1.95-bookworm' >&2; exit 1; }
	@if pkg-config --exists libvirt 2>/dev/null && command -v cc >/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo 'Missing: pkg-config, a C compiler, or the headers of libvirt 6.0 or later.' >&2; exit 1; fi; \
	as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; command -v sudo >/dev/null || { \
	  echo 'Missing packages. As root: apt-get update && apt-get install $(PACKAGES)' >&2; exit 1; }; fi; \
	echo 'Installing $(PACKAGES)'; set -ex; \
	$$as_root apt-get update; \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(PACKAGES)

# The servers alone: no cluster is made, and nothing is started.
check-setup-tests:
	@if { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 && \
	  [ -x /usr/sbin/libvirtd ] && command -v virsh >/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo 'PostgreSQL or libvirtd is not installed: their tests are left out.' >&2; exit 0; fi; \
	as_root=; if [ "$$(id -u)" -ne 0 ]; then as_root=sudo; command -v sudo >/dev/null || { \
	  echo 'PostgreSQL or libvirtd is not installed: their tests are left out. As root: apt-get install $(TEST_PACKAGES)' >&2; exit 0; }; fi; \
	$$as_root apt-get update; \
	install='env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends'; \
	$$as_root $$install postgresql-common && \
	$$as_root sed -i 's/^#\?create_main_cluster .*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf && \
	$$as_root $$install $(TEST_PACKAGES)
