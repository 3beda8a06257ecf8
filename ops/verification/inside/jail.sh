# Asks for things inside the jail. Boundary runs it, with a proxy port of its own, since the port of
# the policy's file belongs to the Boundary that is there already. It lives on for as long as
# Boundary keeps a batch of audit lines, which it drops when its command ends.

# Boundary's own word about the requests made so far: its log, a line each.
decisions() { cat "$jail_log"/*.log 2>/dev/null | grep -E 'msg=(ALLOW|DENY) ' ; }

# ask NUMBER METHOD URL [TARGET]: as curl says it, and as Boundary logged it.
ask() {
  _before=$(decisions | wc -l)
  # A HEAD asked for with -X waits for a body that never comes.
  if [ "$2" = HEAD ]; then _how=-I; else _how="-X $2"; fi
  : > "$jail_dir/body"
  # shellcheck disable=SC2086  one or two words
  _status=$(curl -q -s -g --path-as-is -m "$ask_seconds" $_how ${4:+--request-target "$4"} \
    -o "$jail_dir/body" -w '%{http_code}' -- "$3" 2>/dev/null)
  _code=$?
  say request "$1" "$_status" "$_code" "$(head -c 60 "$jail_dir/body" | tr -d '\000')" \
    "$(decisions | tail -n +$((_before + 1)) | sed -n 's/.* msg=\(ALLOW\|DENY\) .*/\1/p' | tr '\n' ' ')" \
    "$(decisions | tail -n +$((_before + 1)) | sed -n 's/.* rule="\{0,1\}\(.*[^"]\)"\{0,1\}$/\1/p' | head -n 1)"
}

# Whether the AI Gateway answers with what Claude Code has. The token stays out of command lines.
gateway() {
  if [ -z "${ANTHROPIC_BASE_URL:-}" ]; then say gateway none 0 ''; return; fi
  # CLAUDE_API_KEY is module 4's, which writes it into ~/.claude.json.
  _key=${ANTHROPIC_AUTH_TOKEN:-${ANTHROPIC_API_KEY:-${CLAUDE_API_KEY:-}}}
  : > "$jail_dir/body"
  _status=$(printf 'header = "Authorization: Bearer %s"\nheader = "anthropic-version: 2023-06-01"\n' \
    "$_key" | curl -q -s -m "$ask_seconds" -K - -o "$jail_dir/body" -w '%{http_code}' \
    -- "${ANTHROPIC_BASE_URL%/}/v1/models" 2>/dev/null)
  say gateway "$_status" "$?" "$(head -c 60 "$jail_dir/body" | tr -d '\000')"
}

say jail started "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/self/status)"
for _a in $(parents $$); do say above "$_a" "$(program "$_a")"; done
