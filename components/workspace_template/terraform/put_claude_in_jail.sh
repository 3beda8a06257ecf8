# shellcheck shell=bash
# Puts the `claude` that starts Claude Code in its jail first on PATH: in the folder that the agent
# puts first for every session, and again at the end of what shells read, which may put others first.
# It goes before the policy: without one that `claude` starts nothing.
set -euo pipefail

# This and what follows it run outside of the jail, and a home outlives its pod: nothing is run from
# where a jailed agent could have left it.
IFS=: read -r -a folders <<< "$PATH"
PATH=
for each in "${folders[@]}"; do
  case $each/ in "$HOME"/* | [!/]*) continue ;; esac
  if [ "$EUID" = 0 ] || [ ! -w "$each" ]; then PATH="$PATH${PATH:+:}$each"; fi
done
PATH="${PATH:-/usr/bin:/bin}"

config="${BOUNDARY_CONFIG:-$HOME/.config/coder_boundary/config.yaml}"
directory="${CODER_SCRIPT_BIN_DIR:-$HOME/.local/share/firewalled-coder/bin}"
mark="# firewalled-coder: Claude Code starts in its jail"
# Where install_programs.sh says which Boundary is this workspace's; empty if the module has its own.
record="@RECORD_NAME@"
record="${record:+$directory/$record}"
# The Claude Code of the stack's own, empty for the one that is found.
program="@OWN_CLAUDE@"

umask 077
mkdir -p "$directory"

# Two of the agent's scripts run this; what shells read is changed by one at a time.
exec {lock}> "$directory/.claude.lock"
if command -v flock > /dev/null; then flock "$lock"; fi

new="$(mktemp "$directory/.claude.XXXXXX")"
trap 'rm -f "$new"' EXIT
wrapper="$(
  base64 -d <<'END_OF_WRAPPER'
@WRAPPER_BASE64@
END_OF_WRAPPER
)"
fill() { printf -v wrapper '%s%q%s' "${wrapper%%"$1"*}" "$2" "${wrapper#*"$1"}"; }
fill @CONFIG@ "$config"
fill @RECORD@ "$record"
fill @AUDIT_SOCKET@ "${CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH:-/tmp/boundary-audit.sock}"
fill @PROGRAM@ "$program"
printf '%s\n' "$wrapper" > "$new"
chmod 755 "$new"
mv -f "$new" "$directory/claude"
ln -sfn claude "$directory/claude-terminal"
# A folder by a name that is known before, for a module that is told where `claude` is.
jailed="$HOME/.local/share/firewalled-coder/jailed"
mkdir -p "$jailed"
ln -sfn "$directory/claude" "$jailed/claude"

# put_last FILE LINE: LINE with its mark ends FILE; what else is in it stays as it is.
put_last() {
  local file="$1" line="$2  $mark"
  if [ -f "$file" ] && [ "$(tail -n 1 "$file")" = "$line" ]; then return; fi
  if [ -e "$file" ] && [ ! -w "$file" ]; then
    printf 'cannot write %s: a claude elsewhere on its PATH may come first\n' "$file" >&2
    return
  fi
  {
    if [ -f "$file" ]; then grep -vF -e "$mark" "$file" || true; fi
    printf '%s\n' "$line"
  } > "$new"
  # Into the file, which may be a link to where somebody keeps it.
  cat "$new" > "$file"
}

# shellcheck disable=SC2016  for the shell that reads it
printf -v line 'case $PATH in %q:*) ;; *) PATH=%q:$PATH ;; esac' "$directory" "$directory"
login=none
for name in .bash_profile .bash_login .profile .zshenv .zprofile .zshrc .zlogin; do
  if [ -f "$HOME/$name" ]; then
    put_last "$HOME/$name" "$line"
    case $name in .bash_* | .profile) login=found ;; esac
  fi
done
if [ "$login" = none ]; then put_last "$HOME/.profile" "$line"; fi
put_last "$HOME/.bashrc" "$line"
if [ -f "$HOME/.config/fish/config.fish" ]; then
  printf -v line 'fish_add_path --path --move %q' "$directory"
  put_last "$HOME/.config/fish/config.fish" "$line"
fi
rm -f "$new"
