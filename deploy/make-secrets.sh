#!/bin/sh
# Writes deploy/.env for Compose: .env.example with a random secret for each "change-me".
set -eu
umask 077
cd "$(dirname "$0")"
if [ -e .env ]; then
    echo "deploy/.env exists, and the volumes of Nacos and PostgreSQL know its passwords: edit it" >&2
    exit 1
fi
while IFS= read -r line; do
    case $line in
        *=change-me) line=${line%change-me}$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n') ;;
    esac
    printf '%s\n' "$line"
done < .env.example > .env.new
mv .env.new .env
