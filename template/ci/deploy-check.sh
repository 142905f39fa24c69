#!/bin/sh
# Build the image, start it with all that it needs, and run `flask check --deploy` in it.
#
# nginx reads its configuration, too. The findings are shown, and kept in check.sarif; an error
# among them is an error here.
set -eu
# A project of its own, never the one that is named: this one is thrown away.
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-deploy}-check" SECRETS_FOLDER=secrets
trap 'docker compose --profile nginx down --volumes' EXIT

sh deploy/secrets.sh
docker compose up --build --wait --wait-timeout 300 || { docker compose logs; exit 1; }
docker compose --profile nginx run --rm --no-deps nginx nginx -t -q -c /etc/service/nginx.conf
docker compose exec -T web flask check --deploy --format sarif >check.sarif || true
docker compose exec -T web flask check --deploy
