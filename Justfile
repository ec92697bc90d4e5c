# The daily moves. `just --list` explains them.

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")
portable := "find sql migrations -name '*.sql' -not -path '*sqlite*'"
sqlite := "find sql migrations -name '*.sql' -path '*sqlite*'"

# List the recipes.
default:
    @just --list

# Make the environment.
setup:
    python3 -m venv .venv && .venv/bin/pip install -q -r requirements-dev.txt -e .

# Test on every dialect, without the long chaos tests.
test *arguments:
    pytest -n auto -m "not slow and not long" {{arguments}}

# All tests.
test-all *arguments:
    pytest -n auto {{arguments}}

# The tests that go through every case, for minutes: each setting of a session, each moment of a kill.
test-long *arguments:
    pytest -n auto -m long {{arguments}}

# Measure which lines and branches the tests run.
coverage *arguments:
    pytest -n auto -m "not slow and not long" --cov {{arguments}}

# Test on the oldest and the newest PostgreSQL and SQLite.
test-versions *arguments:
    python tests/helpers/versions.py databases {{arguments}}

# Test with every Python from 3.11 on that is here.
test-pythons *arguments:
    python tests/helpers/versions.py pythons {{arguments}}

# Lint Python and SQL.
lint:
    ruff check .
    ruff format --check .
    mypy
    sqlfluff lint --dialect postgres $({{portable}})
    sqlfluff lint --dialect sqlite $({{sqlite}})

# Write the generated parts of docs/reference.
docs: reference
    python docs/generate_schema.py

# The same without the page of the schema, which takes a PostgreSQL.
reference:
    python docs/generate_reference.py

# Read the manual page, which `just docs` writes from the help.
man:
    man -l docs/reference/dbsvc.1

# Build the documentation as a site in var/site; links that lead nowhere are errors.
site: reference
    NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

# Kill processes for as long as you like.
chaos *arguments:
    python tests/helpers/chaos.py {{arguments}}

# Compare loads with the plain bulk load and with other tools; `--write` puts the table and its chart into docs/benchmarks.md.
bench *arguments:
    python bench/load.py {{arguments}}

# The same for a dataset of one's own: orders of 12 columns.
bench-orders *arguments:
    python bench/orders.py {{arguments}}

# Compare telemetry with the plain copy of its lines, and late events with computing everything again.
bench-telemetry *arguments:
    python bench/telemetry.py {{arguments}}

# Compare `dbsvc check` with loading 5 % of what it looks at.
bench-check *arguments:
    python bench/check.py {{arguments}}

# Compare loading an object of 500 MB, by one instance and by two, with loading the same file.
bench-objects *arguments:
    python bench/objects.py {{arguments}}

# Build the wheel and the programs that need no installation into dist, with their SBOM and hashes.
build:
    python3 -m venv var/build && var/build/bin/pip install -q --require-hashes -r deploy/requirements.txt
    var/build/bin/pip install -q -r deploy/requirements-build.txt
    var/build/bin/python deploy/build.py

# Ask whether a vulnerability is known in what the image is made of.
audit:
    python deploy/audit.py

# Pin the requirements: of users, of developers, of the image (with the hashes of its files), and of what builds.
pin:
    uv export -q --format requirements-txt --no-emit-project --no-hashes --no-annotate --no-header --no-dev > requirements.txt
    uv export -q --format requirements-txt --no-emit-project --no-hashes --no-annotate --no-header > requirements-dev.txt
    uv export -q --format requirements-txt --no-emit-project --no-annotate --no-header --no-dev --all-extras --no-extra parquet > deploy/requirements.txt
    uv export -q --format requirements-txt --no-emit-project --no-hashes --no-annotate --no-header --only-group release > deploy/requirements-build.txt
