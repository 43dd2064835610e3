#!/bin/sh
# Starts SeaweedFS with one S3 identity; keys come from the environment.
set -eu
umask 077
cat >/tmp/s3.json <<JSON
{"identities":[{"name":"paddock",
  "credentials":[{"accessKey":"$PADDOCK_S3_ACCESS_KEY","secretKey":"$PADDOCK_S3_SECRET_KEY"}],
  "actions":["Admin","Read","List","Tagging","Write"]}]}
JSON
exec weed mini -dir=/data -ip="$(hostname -i | cut -d ' ' -f 1)" -ip.bind=0.0.0.0 -s3.port=8333 \
    -s3.config=/tmp/s3.json -webdav=false -admin.ui=false
