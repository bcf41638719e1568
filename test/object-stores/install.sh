#!/bin/sh
# Installs the servers that the tests of object stores use: what is there already is left, what cannot be installed is named and skipped.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P) || exit 1
stores=$root/.cache/stores
mkdir -p "$stores/bin"

AZURITE=3.37.0
FAKE_GCS_SERVER=v1.56.1
VERSITYGW=v1.8.0

skip() {
  echo "not installed, its tests will be skipped: $1 ($2)"
}

# Ceph's gateway, with the two parts of Ceph that it stands on. About 25 s.
if command -v radosgw >/dev/null && command -v ceph-mon >/dev/null && command -v ceph-osd >/dev/null; then
  :
elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends radosgw ceph-mon ceph-osd ||
    skip radosgw 'apt-get failed'
else
  skip radosgw 'needs root and Debian'
fi

# Microsoft's emulator. Outside of the workspace: it is larger than everything else together.
[ -f "$stores/node_modules/azurite/dist/src/blob/main.js" ] ||
  npm install --prefix "$stores" --no-save --no-audit --no-fund --loglevel=error "azurite@$AZURITE" || skip azurite 'npm failed'

# Programs in Go: versitygw (S3) and a stand-in of Google's. About a minute each.
install_go() {
  name=$1 module=$2
  [ ! -x "$stores/bin/$name" ] || return 0
  command -v go >/dev/null || {
    skip "$name" 'needs Go'
    return 0
  }
  GOBIN=$stores/bin go install "$module" || skip "$name" 'go install failed'
}
install_go versitygw "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW"
install_go fake-gcs-server "github.com/fsouza/fake-gcs-server@$FAKE_GCS_SERVER"
exit 0
