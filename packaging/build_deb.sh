#!/usr/bin/env bash
# Build the Debian package: `packaging/build_deb.sh WHEEL OUT` puts trioaudio_*.deb into the folder OUT.
# Wants nfpm, and as PYTHON (or python3) a Python with pip, of the version the target system's python3 has.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ $# -ne 2 ]; then
    echo "usage: packaging/build_deb.sh WHEEL OUT" >&2
    exit 2
fi
wheel=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
python=${PYTHON:-python3}
minor=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
next=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1] + 1}")')

maintainer=$(sed -n 's/^maintainer: //p' "$here/packaging/nfpm.yaml")
# Debian sorts 0.2.0~rc1 before 0.2.0, as Python does 0.2.0rc1:
# https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
version=$(basename "$wheel" | cut -d - -f 2 | sed -E 's/\.?(a|b|rc|dev)([0-9]+)/~\1\2/g')

# One for each of the systems' Pythons; a newer system's is the newer package.
release=1+py$minor

# The same sources shall make the same package: all times are that of the last change.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || stat -c %Y "$here/CHANGELOG.md")}
export SOURCE_DATE_EPOCH PYTHONHASHSEED=0
umask 022

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
built=$root/opt/trioaudio
docs=$root/usr/share/doc/trioaudio

# --- The program, with all it needs ---
mkdir -p "$root/opt"
"$python" -m venv --without-pip "$built"
"$python" -m pip --python "$built/bin/python" --disable-pip-version-check install --quiet \
    --no-compile --prefer-binary "${wheel}[fast]"
"$python" -m pip --python "$built/bin/python" --disable-pip-version-check list --format freeze \
    >"$scratch/dependencies.txt"
"$python" "$here/packaging/settle_venv.py" "$built" /opt/trioaudio "/usr/bin/python$minor"
# The service may not write there: without this it would compile everything at each start.
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$built" -p /opt/trioaudio \
    "$built/lib"
# Whatever a wheel says.
find "$built/lib" -type f -exec chmod 0644 {} +
find "$built" -type d -exec chmod 0755 {} +

# --- What belongs to it ---
put() { install -D -m "$1" "$2" "$root$3"; }
for unit in "$here"/systemd/*.service "$here"/systemd/*.socket; do
    put 0644 "$unit" "/usr/lib/systemd/system/$(basename "$unit")"
done
put 0644 "$here/systemd/trioaudio.sysusers" /usr/lib/sysusers.d/trioaudio.conf
put 0644 "$here/systemd/trioaudio.tmpfiles" /usr/lib/tmpfiles.d/trioaudio.conf
put 0644 "$here/packaging/deb/config.toml" /etc/trioaudio/config.toml
put 0600 "$here/packaging/deb/env" /etc/trioaudio/env
put 0644 "$here/packaging/deb/lintian-overrides" /usr/share/lintian/overrides/trioaudio
put 0644 "$here/packaging/deb/copyright" /usr/share/doc/trioaudio/copyright
put 0644 "$here/THIRD_PARTY.md" /usr/share/doc/trioaudio/THIRD_PARTY.md
put 0644 "$here/.env.example" /usr/share/doc/trioaudio/examples/env.example
put 0644 "$here/deploy/config.toml.example" /usr/share/doc/trioaudio/examples/config.toml
put 0644 "$here/deploy/prometheus/prometheus.yml" /usr/share/doc/trioaudio/examples/prometheus.yml
put 0644 "$here/deploy/prometheus/alerts.yml" /usr/share/doc/trioaudio/examples/alerts.yml
put 0644 "$here/deploy/grafana/trioaudio.json" /usr/share/doc/trioaudio/examples/grafana.json
put 0644 "$scratch/dependencies.txt" /usr/share/doc/trioaudio/dependencies.txt
gzip -9n <"$here/CHANGELOG.md" >"$docs/changelog.gz"
gzip -9n >"$docs/changelog.Debian.gz" <<END
trioaudio ($version-$release) unstable; urgency=medium

  * Made from the wheel of the same version: see changelog.gz.

 -- $maintainer  $(LC_ALL=C date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END
chmod 0644 "$docs"/*.gz
mkdir -p "$root/usr/bin"
ln -s /opt/trioaudio/bin/trioaudio "$root/usr/bin/trioaudio"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

# --- The package ---
if named=$(grep -rlF "$scratch" "$root"); then
    echo "the folder it was built in is still named in $named" >&2
    exit 1
fi
LIBC_LEAST=$(find "$built" -name '*.so*' -exec grep -aoh 'GLIBC_2\.[0-9]\+' {} + | sort -Vu | tail -1)
ARCH=$("$python" -c 'import platform; print({"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()])')
export ARCH ROOT="$root" VERSION="$version" RELEASE="$release" LIBC_LEAST="${LIBC_LEAST#GLIBC_}"
export PYTHON_LEAST="$minor" PYTHON_BELOW="$next"
cd "$here"
"${NFPM:-nfpm}" package --config "$here/packaging/nfpm.yaml" --packager deb --target "$out"
