# `just` alone lists what there is to do. Nothing needs just: every recipe is one or two commands to type.

# One set of features for every test, so that nothing is compiled twice.
tests := "--workspace --all-features"

[private]
default:
    @{{ just_executable() }} --list --unsorted

# Build everything, in the profile the tests use
build:
    cargo build --workspace --all-targets --all-features

# Run the service on http://127.0.0.1:8000, its data in ./portcullis-data
run *arguments:
    cargo run --release -- serve {{ arguments }}

# Run all tests, or those chosen: `just test -p portcullis-domain`
test *arguments:
    ./scripts/test {{ arguments }}

# The end-to-end tests on PostgreSQL, Redis and RabbitMQ, each service as two replicas: `just test-scale company::`
test-scale *arguments:
    ./scripts/test --scale {{ arguments }}

# Start PostgreSQL, Redis and RabbitMQ and print their variables: `eval "$(just up)"`
up:
    @./scripts/services start

# Stop what `just up` started, and delete its data
down:
    ./scripts/services stop

# Kill the service under load so many times, and check that nothing it acknowledged is lost
chaos-embedded rounds="200":
    CHAOS_ROUNDS={{ rounds }} cargo test {{ tests }} --test e2e crash::

# Kill PostgreSQL, Redis, RabbitMQ and two replicas under load, so many times in all, and check that nothing is lost
chaos rounds="20":
    CHAOS_ROUNDS={{ rounds }} cargo test {{ tests }} --test e2e chaos:: -- --ignored

# Tamper with a signed log of 10,000 events and with its export so many times each, and with a database file a hundredth of that
tamper rounds="10000":
    TAMPERINGS={{ rounds }} cargo test --release {{ tests }} --test tamper
    TAMPERINGS={{ rounds }} cargo test --release {{ tests }} --test e2e notary::tamper::

# Fill SQLite and PostgreSQL with so many users, and print how long lists of them take over HTTP, and their plans
million users="1000000":
    MILLION_USERS={{ users }} cargo test --release {{ tests }} --test e2e million:: -- --nocapture --test-threads 1

# Rebuild the rows of so many events from the log, on SQLite and PostgreSQL, and print how fast and in how much memory
replay events="1000000":
    REPLAY_EVENTS={{ events }} cargo test --release {{ tests }} --test e2e replay::long:: -- --nocapture --test-threads 1

# Open so many live feeds at once, and print what they take and how soon they get what happens; and how soon another replica's do
live feeds="1000":
    LIVE_FEEDS={{ feeds }} cargo test --release {{ tests }} --test e2e -- --nocapture live::crowd:: replicas::live::

# Read a stream of so many events from its snapshot and from its first event, and print what each takes
long-stream events="100000":
    LONG_STREAM={{ events }} cargo test --release {{ tests }} --test life long_stream -- --nocapture

# Make so many tokens good and bad, and compare what the service, its introspection and portcullis-verify say of them
agreement tokens="10000":
    AGREEMENT_TOKENS={{ tokens }} cargo test {{ tests }} --test e2e agreement:: -- --nocapture --test-threads 1

# Draw so many runs of what people do to their sessions, on each store, and compare what comes of them with a model; needs `just up`
session-rules runs="1000":
    SESSION_RULES_RUNS={{ runs }} cargo test {{ tests }} --test contract sessions_and_their

# Format the code
format:
    cargo fmt --all

# Lint with warnings as errors
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Check that imports point inwards
hexagon:
    cargo test -q {{ tests }} --test hexagon

# Build the documentation with warnings as errors
doc $RUSTDOCFLAGS="-D warnings":
    cargo doc --workspace --all-features --no-deps

# Everything short of the tests: format, lint, hexagon, documentation
check: && lint hexagon doc
    cargo fmt --all --check

# Everything CI runs
ci:
    ./.ci/run

# Package the crates that others depend on, and compile each as its users would
package:
    cargo package -p portcullis-domain -p portcullis-memory -p portcullis-contract -p portcullis-jwt -p portcullis-paseto -p portcullis-verify

# Look for known vulnerabilities in the dependencies (needs cargo-deny and the network)
advisories:
    cargo deny check advisories

# Write openapi.json anew
openapi:
    cargo run -q -- openapi > target/openapi.json
    mv target/openapi.json openapi.json

# Write asyncapi.json anew
asyncapi:
    cargo run -q -- asyncapi > target/asyncapi.json
    mv target/asyncapi.json asyncapi.json

# Write docs/configuration.md and docs/metrics.md anew
reference:
    cargo run -q -- config --reference > target/configuration.md
    mv target/configuration.md docs/configuration.md
    cargo run -q -- metrics > target/metrics.md
    mv target/metrics.md docs/metrics.md
