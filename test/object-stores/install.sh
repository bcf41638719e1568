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

# Ceph's gateway, with the two parts of Ceph that it stands on.
install_ceph() {
  if command -v radosgw >/dev/null && command -v ceph-mon >/dev/null && command -v ceph-osd >/dev/null; then return; fi
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    skip radosgw 'needs root and Debian'
    return
  fi
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends radosgw ceph-mon ceph-osd ||
    skip radosgw 'apt-get failed'
}

# Microsoft's emulator. Outside of the workspace: it is larger than everything else together.
install_azurite() {
  [ -f "$stores/node_modules/azurite/dist/src/blob/main.js" ] ||
    npm install --prefix "$stores" --no-save --no-audit --no-fund --loglevel=error "azurite@$AZURITE" || skip azurite 'npm failed'
}

install_go() {
  name=$1 module=$2
  [ ! -x "$stores/bin/$name" ] || return 0
  command -v go >/dev/null || {
    skip "$name" 'needs Go'
    return 0
  }
  GOBIN=$stores/bin go install "$module" || skip "$name" 'go install failed'
}

# Ceph and Azurite wait for the network, Go for the processors.
{
  install_ceph
  install_azurite
} &
install_go versitygw "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW"
install_go fake-gcs-server "github.com/fsouza/fake-gcs-server@$FAKE_GCS_SERVER"
wait
exit 0
