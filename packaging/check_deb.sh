#!/usr/bin/env bash
# Look at a Debian package without installing it here: `packaging/check_deb.sh PACKAGE`. It is unpacked, the
# program is run from where it lies, and dpkg installs, upgrades, removes and purges it in a scratch root.
set -euo pipefail
package=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "$(basename "$package"): $*" >&2; exit 1; }

# --- What it says and holds ---
dpkg-deb --info "$package" | sed -n '/^ Package:/,$p'
dpkg-deb --contents "$package" >"$scratch/contents"
for name in ./usr/bin/trioaudio ./opt/trioaudio/bin/trioaudio ./usr/lib/sysusers.d/trioaudio.conf \
    ./usr/lib/tmpfiles.d/trioaudio.conf ./usr/lib/systemd/system/trioaudio.service \
    ./usr/lib/systemd/system/trioaudio.socket ./usr/share/doc/trioaudio/copyright; do
    awk -v name="$name" '$6 == name { found = 1 } END { exit !found }' "$scratch/contents" ||
        fail "$name is missing"
done
if awk '$2 != "root/root" { print; found = 1 } END { exit !found }' "$scratch/contents"; then
    fail "not root's"
fi
if grep -E '^.{7}.w|^.{4}w....w' "$scratch/contents" | grep -v '^l'; then
    fail "others may write to it"
fi
dpkg-deb --control "$package" "$scratch/control"
printf '%s\n' /etc/trioaudio/config.toml /etc/trioaudio/env | diff - <(grep . "$scratch/control/conffiles") ||
    fail "other files than these two are the operator's"

# --- What is in the files ---
root=$scratch/unpacked
dpkg-deb --extract "$package" "$root"
home=$root/opt/trioaudio
(cd "$root" && md5sum --quiet --check "$scratch/control/md5sums") || fail "md5sums"
[ "$(head -1 "$home/bin/trioaudio")" = '#!/opt/trioaudio/bin/python' ] || fail "the program's interpreter"
[ "$(readlink "$root/usr/bin/trioaudio")" = /opt/trioaudio/bin/trioaudio ] || fail "/usr/bin/trioaudio"
[ -z "$(find "$root" -name direct_url.json -o -name pip.conf -o -name '*.pth')" ] ||
    fail "it tells where its parts came from"
# Of a user or a password in an address there is none in any package's text.
if grep -rIlE '(index-url|find-links)[ =]+["'\'']?(https?|file)://' "$home"; then
    fail "an index is named"
fi
for unit in "$root"/usr/lib/systemd/system/*.service; do
    grep -q '^ExecStart=/opt/trioaudio/bin/' "$unit" || fail "$(basename "$unit") starts something else"
done

# --- The program, from where it lies ---
wanted=$(readlink "$home/bin/python")
if [ -x "$wanted" ]; then
    export PYTHONDONTWRITEBYTECODE=1
    (
        cd "$scratch"
        # Not what is installed here for others, nor settings of this machine.
        env -i PATH=/usr/bin:/bin HOME="$scratch" "$home/bin/python" -I "$home/bin/trioaudio" --version
        env -i PATH=/usr/bin:/bin HOME="$scratch" "$home/bin/python" -I "$home/bin/trioaudio" \
            --text "Your parcel is here." --out said.wav --plain 2>"$scratch/said.log" | tail -2
        test -s said.wav
    )
else
    echo "no $wanted here: the program is not run"
fi

# --- Installed, upgraded, removed, purged; maintainer scripts run with DPKG_ROOT, not as on a system ---
target=$scratch/target
mkdir -p "$target/etc" "$target/var/lib/dpkg/info" "$target/var/lib/dpkg/updates"
: >"$target/var/lib/dpkg/status"
into_target() {
    dpkg --root="$target" --force-script-chrootless --force-not-root --force-depends --force-confold \
        --force-unsafe-io --log="$scratch/dpkg.log" "$@" >"$scratch/dpkg.out" 2>&1 || { cat "$scratch/dpkg.out" >&2; fail "dpkg $1"; }
}
if [ "$(id -u)" = 0 ] && command -v systemd-sysusers >/dev/null; then
    into_target --install "$package"
    grep -q '^trioaudio:' "$target/etc/passwd" || fail "the user was not made"
    test -x "$target/opt/trioaudio/bin/trioaudio"
    echo '# ours' >>"$target/etc/trioaudio/env"
    into_target --install "$package"
    grep -q '^# ours' "$target/etc/trioaudio/env" || fail "an upgrade overwrote a setting"
    mkdir -p "$target/var/lib/trioaudio/recordings" "$target/var/cache/trioaudio"
    into_target --remove trioaudio
    test -f "$target/etc/trioaudio/env"
    [ ! -e "$target/opt/trioaudio" ] || fail "something is left in /opt"
    into_target --purge trioaudio
    [ ! -e "$target/etc/trioaudio" ] || fail "something is left in /etc"
    [ ! -e "$target/var/cache/trioaudio" ] || fail "the cache is left"
    test -d "$target/var/lib/trioaudio/recordings"
    echo "installed, upgraded, removed and purged in a scratch root"
else
    echo "not root, or no systemd-sysusers: not installed in a scratch root"
fi

# --- Debian's own checker ---
if command -v lintian >/dev/null; then
    # Debian 12's does not know zstd yet, which its dpkg reads.
    lintian --allow-root --suppress-tags malformed-deb-archive --fail-on error,warning "$package"
else
    echo "no lintian here; left out"
fi
echo "$(basename "$package"): in order"
