#!/usr/bin/env bash
# Checks every unit as systemd reads it, and how much of the machine the daemon's could reach.
#   systemd/check.sh [FOLDER]     where the program `trioaudio` is; else a stand-in is used
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

EXPOSURE=15  # tenths: 1.5 of 10, which systemd calls OK

for tool in systemd-analyze systemd-sysusers systemd-tmpfiles; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: install systemd" >&2; exit 1; }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bin=${1:-}
if [ -z "$bin" ]; then
    bin=$scratch/bin
    mkdir "$bin"
    ln -s /bin/true "$bin/trioaudio"
fi
for unit in *.service *.socket; do
    sed "s|/opt/trioaudio/bin|$bin|" "$unit" >"$scratch/$unit"
done

echo "units:"
status=0
for unit in "$scratch"/*.service "$scratch"/*.socket; do
    name=$(basename "$unit")
    case $name in *@.*) on=$scratch/${name/@./@a.} && ln -sf "$unit" "$on" ;; *) on=$unit ;; esac
    # It complains of other units on the machine too; those are not ours.
    told=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --recursive-errors=no --man=no "$on" 2>&1) || status=$?
    [ -z "$told" ] || { echo "$name: $told" >&2; status=1; }
    echo "  $name verified"
done
[ "$status" = 0 ] || exit 1

echo "exposure:"
for unit in trioaudio.service trioaudio@a.service trioaudio-say@a.service; do
    if ! told=$(systemd-analyze security --offline=true --no-pager --threshold="$EXPOSURE" "$scratch/$unit" 2>&1); then
        printf '%s\n' "$told" >&2
        exit 1
    fi
    echo "  ${told##*→ }"
done

echo "user and folders:"
mkdir -p "$scratch/root/etc"
systemd-sysusers --root="$scratch/root" "$PWD/trioaudio.sysusers" >/dev/null
grep -q '^trioaudio:' "$scratch/root/etc/passwd"
if [ "$(id -u)" = 0 ]; then
    systemd-tmpfiles --root="$scratch/root" --create "$PWD/trioaudio.tmpfiles"
    (cd "$scratch/root" && find run/trioaudio etc/trioaudio -printf '  /%p %m %U:%G\n')
fi
echo "  user trioaudio"
