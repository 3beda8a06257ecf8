# What the workspace is: its kernel, programs, policy and processes.

have() { command -v "$1" 2>/dev/null; }
only_host() { sed -n 's,^\([a-z]*://[^/?#@]*\).*,\1,p'; }

say fact user "$(id -un 2>/dev/null || id -u)"
say fact kernel "$(uname -r)"
say fact security_modules "$(cat /sys/kernel/security/lsm 2>/dev/null)"
say fact curl "$(have curl)"
say fact python "$(have python3)"
say fact claude "$(have claude)"
boundary=$(have boundary || have agent-firewall)
say fact boundary "$boundary"
[ -z "$boundary" ] || say fact boundary_version "$("$boundary" --version 2>/dev/null | head -n 1)"
config=${BOUNDARY_CONFIG:-$HOME/.config/coder_boundary/config.yaml}
say fact config "$config"
say fact config_sha256 "$(sha256sum 2>/dev/null < "$config" | cut -d ' ' -f 1)"
say fact jail_type "${BOUNDARY_JAIL_TYPE:-}"
# Module 4, which sets it, starts Claude Code with the workspace; module 5 starts none.
say fact starts_claude "${CLAUDE_API_KEY:+yes}"
# What a terminal stands in: Coder's agent itself, or the screen that it starts where there is one.
for _a in $(parents $$); do
  _name=
  read -r _name 2>/dev/null < "/proc/$_a/comm"
  case $_name in *sh | busybox) continue ;; esac
  say fact terminal "$_name"
  break
done
say fact gateway "$(printf '%s\n' "${ANTHROPIC_BASE_URL:-}" | only_host)"
# The cluster's name servers.
say fact resolvers "$(sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf 2>/dev/null | tr '\n' ' ')"

jail_state > "$out.state"
while IFS='	' read -r what a b c e f g; do
  say "$what" "$a" "$b" "$c" "$e" "$f" "$g"
done < "$out.state"
