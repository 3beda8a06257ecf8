# shellcheck shell=bash
# Puts Claude Code's managed settings where module 5 of Coder's registry does, beside those that the
# image has, which stay. They belong to root where the image has sudo, which a jailed process has not:
# it may gain no privilege.
set -euo pipefail

settings=/etc/claude-code/managed-settings.d/10-coder.json

written="$(mktemp)"
trap 'rm -f "$written"' EXIT
base64 -d > "$written" <<'END_OF_SETTINGS'
@SETTINGS_BASE64@
END_OF_SETTINGS

as_root=()
if [ "$(id -u)" != 0 ] && command -v sudo > /dev/null; then as_root=(sudo -n); fi
# Beside the old ones and moved: a session reads the old or the new, never a half. Two of the agent's
# scripts run this, each with a name of its own.
"${as_root[@]}" install -D -m 0644 "$written" "$settings.$$"
"${as_root[@]}" mv -f "$settings.$$" "$settings"
rm -f "$written"
