# shellcheck shell=bash
# Puts the policy where Boundary reads it: the file that BOUNDARY_CONFIG names. Any failure ends
# the script with an error and leaves the file as it was.
set -euo pipefail

config="${BOUNDARY_CONFIG:-$HOME/.config/coder_boundary/config.yaml}"

umask 077
mkdir -p "$(dirname "$config")" /tmp/boundary_logs

# Written beside the target and moved: a reader sees the old policy or the new one, never a half.
new="$(mktemp "$config.XXXXXX")"
trap 'rm -f "$new"' EXIT
base64 -d > "$new" <<'END_OF_CONFIG'
@CONFIG_BASE64@
END_OF_CONFIG
chmod 600 "$new"
mv -f "$new" "$config"
