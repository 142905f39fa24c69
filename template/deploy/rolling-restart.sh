#!/bin/sh
# Replaces the service by what is built from here, and nginx loses no request: docs/proxy.md
set -eu
cd "$(dirname "$0")/.."

compose() {
    docker compose --profile nginx --profile next "$@"
}

# From now on nginx asks this instance alone; what it asked the other one, it waits for.
lead_to() {
    echo "server $1:8000 max_fails=1 fail_timeout=2s;" >deploy/upstream.conf
    compose kill --signal HUP nginx
}

# Ends what an instance was asked, and removes it.
dismiss() {
    compose exec -T "$1" flask drain || true
    compose rm --force --stop "$1"
}

# Where web is not healthy, next may be the only one that serves.
for part in nginx web; do
    if test "$(compose ps --format '{{.Health}}' "$part")" != healthy; then
        echo "$part is not healthy, so nothing is replaced: docs/proxy.md says how to go on." >&2
        exit 1
    fi
done
# One that a failure left behind.
if test -n "$(compose ps --all --quiet next)"; then
    lead_to web
    dismiss next
fi

docker compose up --build --wait next
lead_to next
dismiss web
# web anew, even if nothing was built, and with it what else runs the same code.
docker compose up --build --wait
lead_to web
dismiss next
