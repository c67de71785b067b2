#!/usr/bin/env bash
# Everything about packages, containers and workflows that can be checked without a network and without a
# container engine: `packaging/check.sh BIN`, BIN being the bin folder of a virtual environment with what
# packaging/tools.txt names. Of the built package it needs PyPI, for its dependencies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=$(realpath "${1:?the bin folder of an environment with packaging/tools.txt}")
export PATH="$bin:$PATH" PYTHON="$bin/python"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
KUBERNETES=1.34.0  # the least that is asked for: preStop's sleep is settled since then
# Those that no Kubernetes has by itself have no schema here.
mapfile -t manifests < <(find deploy/kubernetes -name '*.yaml' ! -name servicemonitor.yaml | sort)

echo "shell scripts"
shellcheck packaging/*.sh packaging/deb/postinst packaging/deb/prerm packaging/deb/postrm
echo "YAML"
yamllint --strict --config-file packaging/yamllint.yaml \
    packaging deploy/compose.yaml deploy/docker deploy/kubernetes .github
echo "image"
hadolint --config deploy/docker/hadolint.yaml deploy/Dockerfile
echo "compose"
check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
echo "Kubernetes $KUBERNETES: ${#manifests[@]} files"
kubernetes-validate --quiet --strict --kubernetes-version "$KUBERNETES" "${manifests[@]}"
echo "workflows"
check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
check-jsonschema --quiet --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
actionlint -color .github/workflows/*.yml
zizmor --offline --quiet --persona pedantic --config packaging/zizmor.yml .github/workflows

echo "wheel and source archive"
python -m build --no-isolation --outdir "$scratch/dist" . >"$scratch/build.log" 2>&1 || { cat "$scratch/build.log" >&2; exit 1; }
packaging/check_dist.sh "$scratch/dist"
echo "Debian package"
packaging/build_deb.sh "$scratch"/dist/*.whl "$scratch/deb"
packaging/check_deb.sh "$scratch"/deb/*.deb
