# shellcheck shell=bash
# Puts Boundary and Claude Code where the template's `claude` looks for them, as far as no module of
# Coder's registry does that: from the image, from an address that the stack names with a sha256, or,
# Boundary alone, from its releases. It ends with one line that says why when it cannot.
set -euo pipefail

# boundary.tf puts before this file what the stack says; empty is not said.
: "${boundary_release=}" "${boundary_path=}" "${boundary_url=}" "${boundary_sha256=}"
: "${claude_url=}" "${claude_sha256=}"

directory="${CODER_SCRIPT_BIN_DIR:-$HOME/.local/share/firewalled-coder/bin}"
# Which Boundary is this workspace's, for the `claude` beside it.
record="$directory/.boundary"
# The home outlives the pod: what was fetched once is there at the next start.
kept="$HOME/.local/share/firewalled-coder/kept"
programs="$HOME/.local/share/firewalled-coder/programs"

umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fail() {
  printf 'not installed: %s\n' "$1" >&2
  exit 1
}

digest() {
  local found
  found="$(sha256sum < "$1")"
  printf '%s\n' "${found%% *}"
}

fetch() {
  if command -v curl > /dev/null; then
    curl -fsSL --retry 3 --connect-timeout 20 -o "$2" "$1" || fail "$1 cannot be fetched"
  elif command -v wget > /dev/null; then
    wget -q -T 20 -O "$2" "$1" || fail "$1 cannot be fetched"
  else
    fail "$1 cannot be fetched: the image has neither curl nor wget"
  fi
}

# take NAME URL SHA256 TARGET: the program at an address; without SHA256 it is fetched each time.
take() {
  local name="$1" url="$2" sha256="$3" target="$4" file="$work/$1" program each
  local old="$kept/$name-$sha256"
  if [ -n "$sha256" ] && [ -f "$old" ] && [ "$(digest "$old")" = "$sha256" ]; then
    file="$old"
  else
    fetch "$url" "$file"
    if [ -n "$sha256" ]; then
      [ "$(digest "$file")" = "$sha256" ] || fail "$url is not the file whose sha256 is $sha256"
      mkdir -p "$kept"
      mv "$file" "$old"
      for each in "$kept/$name-"*; do [ "$each" = "$old" ] || rm -f "$each"; done
      file="$old"
    fi
  fi
  program="$file"
  if [ "$(head -c 2 "$file" | od -An -tx1 | tr -d ' ')" = 1f8b ]; then
    mkdir "$work/$name-unpacked"
    tar -xzf "$file" -C "$work/$name-unpacked" || fail "$url cannot be unpacked"
    program="$(find "$work/$name-unpacked" -type f \( -name "$name" -o -name "$name-*" \) -print -quit)"
    [ -n "$program" ] || fail "$url holds no $name"
  fi
  mkdir -p "$(dirname "$target")"
  # Beside the old one and moved: a session starts the old or the new, never a half.
  install -m 0755 "$program" "$target.$$"
  mv -f "$target.$$" "$target"
}

source="$boundary_path$boundary_url$boundary_release"
# Two of the agent's scripts run this, one after the other.
if [ -n "$source" ] && ! { [ -f "$record" ] && sha256sum --status -c "$record" 2> /dev/null \
  && [ "$(cat "$record.source" 2> /dev/null)" = "$source $boundary_sha256" ]; }; then
  boundary="$directory/boundary"
  mkdir -p "$directory"
  if [ -n "$boundary_path" ]; then
    [ -f "$boundary_path" ] && [ -x "$boundary_path" ] || fail "the image has no program $boundary_path"
    boundary="$boundary_path"
    ln -sfn "$boundary_path" "$directory/boundary"
  elif [ -n "$boundary_url" ]; then
    take boundary "$boundary_url" "$boundary_sha256" "$boundary"
  else
    case "$(uname -m)" in
      x86_64 | amd64) platform=linux-amd64 ;;
      aarch64 | arm64) platform=linux-arm64 ;;
      *) fail "Boundary has no release for $(uname -m)" ;;
    esac
    releases=https://github.com/coder/boundary/releases
    if [ "$boundary_release" = latest ]; then
      take boundary "$releases/latest/download/boundary-$platform.tar.gz" '' "$boundary"
    else
      take boundary "$releases/download/$boundary_release/boundary-$platform.tar.gz" '' "$boundary"
    fi
  fi
  printf '%s\n' "$source $boundary_sha256" > "$record.source"
  printf '%s  %s\n' "$(digest "$boundary")" "$boundary" > "$record"
fi

if [ -n "$claude_url" ]; then
  take claude "$claude_url" "$claude_sha256" "$programs/claude"
fi

# The next part of the same shell sets a trap of its own. A folder that an archive made read-only
# stays, and is no reason to go without a policy.
rm -rf "$work" || true
