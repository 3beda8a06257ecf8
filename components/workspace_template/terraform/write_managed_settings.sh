#!/usr/bin/env bash
# Puts Claude Code's managed settings where it reads them. They belong to root where the image has
# sudo, which a jailed process has not: it may gain no privilege.
set -euo pipefail

settings=/etc/claude-code/managed-settings.json

written="$(mktemp)"
trap 'rm -f "$written"' EXIT
base64 -d > "$written" <<'END_OF_SETTINGS'
@SETTINGS_BASE64@
END_OF_SETTINGS

as_root=()
if [ "$(id -u)" != 0 ] && command -v sudo > /dev/null; then as_root=(sudo -n); fi
# Beside the old ones and moved: a session reads the old or the new, never a half.
"${as_root[@]}" install -D -m 0644 "$written" "$settings.new"
"${as_root[@]}" mv -f "$settings.new" "$settings"
rm -f "$written"
