#!/bin/bash
# The official image's entry, as far as this deployment uses it: become `mongodb`, make the root
# user of an empty store, run `mongod` with the flags given.
set -euo pipefail

[ "${1:-}" != "" ] && [ "${1:0:1}" != - ] || set -- mongod "$@"
if [ "$1" = mongod ] && [ "$(id -u)" = 0 ]; then
    find /data/db /data/configdb ! -user mongodb -exec chown mongodb '{}' +
    exec setpriv --reuid=mongodb --regid=mongodb --clear-groups -- "${BASH_SOURCE[0]}" "$@"
fi

from_file() { # the variable NAME, or what the file says that NAME_FILE names
    local name=$1 file=${1}_FILE
    if [ -n "${!file:-}" ]; then
        [ -z "${!name:-}" ] || { echo "error: both $name and $file are set (but are exclusive)" >&2; exit 1; }
        printf -v "$name" %s "$(cat "${!file}")"
    fi
    export "$name=${!name:-}"
    unset "$file"
}

if [ "$1" = mongod ]; then
    from_file MONGO_INITDB_ROOT_USERNAME
    from_file MONGO_INITDB_ROOT_PASSWORD
    made=/data/db/.first-user-made
    if [ -n "$MONGO_INITDB_ROOT_USERNAME" ] && [ ! -e "$made" ]; then
        "$STAND_IN/bin/python" -m deploy.images.mongo.first_user /data/db
        touch "$made"
    fi
    unset MONGO_INITDB_ROOT_USERNAME MONGO_INITDB_ROOT_PASSWORD
fi
exec "$@"
