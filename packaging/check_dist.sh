#!/usr/bin/env bash
# Look at a wheel and a source archive: `packaging/check_dist.sh FOLDER`, which holds one of each.
# Wants twine and, as PYTHON (or python3), any Python with venv.
set -euo pipefail
folder=$(realpath "$1")
wheel=$(echo "$folder"/trioaudio-*.whl)
archive=$(echo "$folder"/trioaudio-*.tar.gz)
python=${PYTHON:-python3}
fail() { echo "$*" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"${TWINE:-twine}" --no-color check --strict "$wheel" "$archive"

"$python" -m zipfile --list "$wheel" | awk 'NR > 1 { print $1 }' >"$scratch/wheel"
tar --list --file "$archive" | cut -d / -f 2- >"$scratch/archive"
for name in trioaudio/py.typed trioaudio/__main__.py trioaudio/control/docs_page.html; do
    grep -qx "$name" "$scratch/wheel" || fail "the wheel has no $name"
    grep -qx "$name" "$scratch/archive" || fail "the source archive has no $name"
done
grep -q '\.dist-info/licenses/LICENSE$' "$scratch/wheel" || fail "the wheel has no licence"
for name in LICENSE README.md CHANGELOG.md THIRD_PARTY.md pyproject.toml tests/conftest.py; do
    grep -qx "$name" "$scratch/archive" || fail "the source archive has no $name"
done
if grep -vE '^(trioaudio/|trioaudio-[^/]*\.dist-info/)' "$scratch/wheel"; then
    fail "the wheel holds more than the package"
fi
if grep -E '(^|/)(__pycache__|\.git|\.env|\.venv|venv)(/|$)|\.(pyc|so|wav|part|orig|rej)$' "$scratch/wheel" "$scratch/archive"; then
    fail "that should not be in there"
fi

# The archive alone is enough to make the same wheel.
mkdir "$scratch/again"
"$python" -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir "$scratch/again" "$archive"
"$python" -m zipfile --list "$scratch"/again/*.whl | awk 'NR > 1 { print $1 }' | diff "$scratch/wheel" - ||
    fail "the wheel made of the source archive differs"
echo "$(basename "$wheel") and $(basename "$archive"): in order"
