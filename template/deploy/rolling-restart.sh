#!/bin/sh
# Replaces the service by what is built from here, and nginx loses no request: docs/proxy.md
set -eu
cd "$(dirname "$0")/.."

compose() {
    docker compose --profile nginx --profile next "$@"
}

# From now on nginx asks this instance alone; what it asked the other one, it waits for.
lead_to() {
    before=$(cat deploy/upstream.conf)
    echo "server $1:8000 max_fails=1 fail_timeout=2s;" >deploy/upstream.conf
    # Told to reload what it cannot read, it would go on with the old, and say nothing.
    if ! compose exec -T nginx nginx -t -q -c /etc/service/nginx.conf; then
        echo "$before" >deploy/upstream.conf
        echo "nginx cannot read deploy/nginx.conf, so it still leads where it did." >&2
        exit 1
    fi
    compose kill --signal HUP nginx
}

# Waits until an instance has all that it needs: healthy is one that only answers.
await() {
    tries=10
    until compose exec -T "$1" python -c \
        "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=5)" 2>/dev/null; do
        tries=$((tries - 1))
        if test "$tries" = 0; then
            compose logs --tail=20 "$1" >&2
            echo "$1 is not ready, so nothing is led to it." >&2
            exit 1
        fi
        sleep 1
    done
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
await next
lead_to next
dismiss web
# web anew, even if nothing was built, and with it what else runs the same code.
docker compose up --build --wait
await web
lead_to web
dismiss next
