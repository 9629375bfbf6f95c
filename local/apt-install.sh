#!/usr/bin/env bash
# apt-install.sh <what for> <package>…: installs Debian packages, as root or with sudo, or says what to install by hand.
set -euo pipefail

purpose=$1
shift

give_up() {
  echo "error: $purpose needs $*, and $reason. Install it in your system's way, then try again." >&2
  exit 1
}

as_root=()
if ! command -v apt-get >/dev/null; then
  reason="there is no apt-get here" give_up "$@"
elif [[ $(id -u) != 0 ]]; then
  command -v sudo >/dev/null || reason="this user is not root and there is no sudo" give_up "$@"
  as_root=(sudo)
fi

echo "Installing $* for $purpose"
install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends)
{ "${as_root[@]}" apt-get update --quiet --quiet && "${as_root[@]}" "${install[@]}" "$@" >/dev/null; } ||
  reason="apt-get could not install it" give_up "$@"
