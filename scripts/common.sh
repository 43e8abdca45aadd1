# Sourced by demo and test: the packages, and the release build.

set -euo pipefail
exec </dev/null
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Installs what scripts/packages lists, unless all of it is there.
install_packages() {
  local package missing=() as_root=()
  while read -r package; do
    [[ $package =~ ^(#.*)?$ ]] && continue
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      missing+=("$package")
  done <scripts/packages
  [[ ${#missing[@]} -eq 0 ]] && return
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null ||
      fail "packages are missing; install them as root: apt-get install ${missing[*]}"
    as_root=(sudo -n)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
  "${apt[@]}" update ||
    fail "apt-get update failed; these packages are missing: ${missing[*]}"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
    fail "apt-get install failed; these packages are missing: ${missing[*]}"
}

# Configures build/release with the given options.
configure_release() {
  local launcher=()
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake --preset release "${launcher[@]}" "$@"
}
