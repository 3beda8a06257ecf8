# What the agent tells coderd once a minute, in one line that people and alerts read:
#   2 outside, 1 jailed, policy changed, audit open (OWNER/WORKSPACE)

expected=@POLICY_SHA256@

outside() { printf '%s\n' "$1" | awk -F '\t' '$1 == "claude" && $3 == "unjailed" { print $2 }'; }

state=$(jail_state)
free=$(outside "$state")
if [ -n "$free" ]; then
  # One that is just being put into its jail is none.
  sleep 5
  state=$(jail_state)
  free=$(outside "$state" | grep -xF "$free")
fi

# How each running Boundary's policy stands to the one this workspace was built with.
policy=$(printf '%s\n' "$state" | awk -F '\t' -v expected="$expected" '
  $1 != "boundary" { next }
  { said = "as deployed" }
  $7 != "-" { said = "extended" }
  $6 == "yes" { said = "changed" }
  $5 != expected { said = "foreign" }
  said != "as deployed" { print said; found = 1; exit }
  { all = said }
  END { if (!found) print (all ? all : "not in use") }')

# shellcheck disable=SC2046  numbers
audit=$(audit_state $(printf '%s\n' "$state" | awk -F '\t' '$1 == "boundary" { print $2 }'))

# Without an end of line: an older coderd keeps what it is told to the last character.
printf '%s outside, %s jailed, policy %s, audit %s (%s/%s)' \
  "$(printf '%s' "$free" | grep -c .)" \
  "$(printf '%s\n' "$state" | awk -F '\t' '$1 == "claude" && $3 == "jailed"' | grep -c .)" \
  "$policy" "$audit" "${CODER_WORKSPACE_OWNER_NAME:-unknown}" "${CODER_WORKSPACE_NAME:-unknown}"
