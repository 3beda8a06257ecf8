# Which Claude Code processes of this user run in Boundary's jail, and by which policy. POSIX sh, to
# be sourced. What is asked of /proc is how processes stand to each other, not what they call
# themselves: a jailed process has its proxy's port in its environment, may gain no privilege any
# more (Landlock wants that), and has the process that listens on that port above it.

# The parents of process $1, nearest first.
parents() {
  _p=$1
  while [ "${_p:-0}" -gt 1 ]; do
    _p=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$_p/status" 2>/dev/null)
    [ "${_p:-0}" -gt 0 ] && echo "$_p"
  done
}

# A shell opens a file in the order of the words: its own complaint about one of a process that just
# ended goes away only if that is said before.

# The value of variable $2 in the environment that process $1 was started with.
variable() { tr '\0' '\n' 2>/dev/null < "/proc/$1/environ" | sed -n "s/^$2=//p" | head -n 1; }

# Word $2 of the command line of process $1; the first is 1.
word() { tr '\0' '\n' 2>/dev/null < "/proc/$1/cmdline" | sed -n "$2p"; }

program() { readlink "/proc/$1/exe" 2>/dev/null | sed 's/ (deleted)$//'; }

# Whether process $1 listens on TCP port $2.
listens() {
  _inodes=$(awk -v port=":$(printf %04X "$2")" \
    '$4 == "0A" && substr($2, length($2) - 4) == port { print $10 }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  for _i in $_inodes; do
    # shellcheck disable=SC2010  names of sockets, no files
    ls -l "/proc/$1/fd" 2>/dev/null | grep -q "socket:\[$_i\]" && return 0
  done
  return 1
}

# The files that `claude` is, wherever a PATH or Claude Code's own installer puts it.
claude_files() {
  printf '%s\n' "${found_on:-$PATH}:$HOME/.local/bin" | tr ':' '\n' | while IFS= read -r _d; do
    [ -n "$_d" ] && [ -e "$_d/claude" ] && readlink -f "$_d/claude"
  done
  for _f in "$HOME"/.local/share/claude/versions/*; do [ -f "$_f" ] && echo "$_f"; done
  return 0
}

# Whether $1 is one of these files. The shell looks itself: it is asked of every process.
is_claude_file() {
  case "
$claude_files
" in *"
$1
"*) return 0 ;; esac
  return 1
}

# Whether process $1, whose program is $2, is Claude Code: by its name, its program, or the script
# that its program runs.
is_claude() {
  read -r _comm 2>/dev/null < "/proc/$1/comm" || return 1
  [ "$_comm" = claude ] && return 0
  case $2 in
    */claude) return 0 ;;
    */sh | */dash | */bash | */busybox | */node | */bun | */deno | */python*) ;;
    *) is_claude_file "$2"; return ;;
  esac
  is_claude_file "$2" && return 0
  _script=$(word "$1" 2)
  case $_script in
    */claude-code/cli.js) return 0 ;;
    '' | -*) return 1 ;;
  esac
  is_claude_file "$(readlink -f "$_script" 2>/dev/null || echo /)"
}

# The Boundary above process $1: "PID PORT" under landjail, "PID nsjail" under nsjail, else nothing.
boundary_of() {
  _port=$(variable "$1" HTTPS_PROXY | sed -n 's,^http://[^/:]*:\([0-9][0-9]*\)/*$,\1,p')
  if [ -n "$_port" ] && grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$1/status" 2>/dev/null; then
    for _a in $(parents "$1"); do
      listens "$_a" "$_port" && echo "$_a $_port" && return
    done
  fi
  _net=$(readlink "/proc/$1/ns/net" 2>/dev/null)
  if [ -n "$_net" ] && [ "$_net" != "$(readlink /proc/self/ns/net)" ]; then
    for _a in $(parents "$1"); do
      [ "$(readlink "/proc/$_a/ns/net" 2>/dev/null)" = "$(readlink /proc/self/ns/net)" ] \
        && echo "$_a nsjail" && return
    done
  fi
}

# The policy file that Boundary process $1 was started with.
policy_file() {
  _c=$(tr '\0' '\n' 2>/dev/null < "/proc/$1/cmdline" | awk '
    $0 == "--" { exit }
    next_is { print; exit }
    /^--config=/ { print substr($0, 10); exit }
    $0 == "--config" { next_is = 1 }')
  [ -n "$_c" ] || _c=$(variable "$1" BOUNDARY_CONFIG)
  echo "${_c:-$HOME/.config/coder_boundary/config.yaml}"
}

# What Boundary process $1 allows beside that file: "flag", "variable" or nothing.
more_rules() {
  tr '\0' '\n' 2>/dev/null < "/proc/$1/cmdline" | sed '/^--$/,$d' | grep -q '^--allow' && echo flag
  [ -n "$(variable "$1" BOUNDARY_ALLOW)" ] && echo variable
  return 0
}

# Seconds of the epoch at which process $1 started.
started() {
  awk -v hz="$(getconf CLK_TCK 2>/dev/null || echo 100)" '
    FNR == NR { if ($1 == "btime") boot = $2; next }
    { sub(/^.*\) /, ""); print int(boot + $20 / hz) }' /proc/stat "/proc/$1/stat" 2>/dev/null
}

# Writes lines, their fields apart by tabs:
#   claude PID jailed|unjailed|wrapper BOUNDARY_PID|- PORT|nsjail|- PROGRAM
#   boundary PID PROGRAM POLICY_FILE SHA256|- yes|no (file changed since) MORE_RULES|-
# A wrapper is what waits for the Boundary that it has started.
jail_state() {
  claude_files=$(claude_files)
  _jailed='' _free='' _above='' _boundaries=''
  # One program for all of them: there may be hundreds.
  # shellcheck disable=SC2012
  _programs=$(ls -ld /proc/[0-9]*/exe 2>/dev/null | sed -n 's,.* /proc/\([0-9]*\)/exe -> ,\1 ,p')
  while read -r _pid _exe; do
    [ -O "/proc/$_pid" ] || continue
    is_claude "$_pid" "${_exe% (deleted)}" || continue
    _found=$(boundary_of "$_pid")
    if [ -n "$_found" ]; then
      _jailed="$_jailed $_pid"
      _above="$_above $(parents "$_pid" | tr '\n' ' ')"
      _boundaries="$_boundaries ${_found% *}"
      printf 'claude\t%s\tjailed\t%s\t%s\t%s\n' \
        "$_pid" "${_found% *}" "${_found#* }" "$(program "$_pid")"
    else
      _free="$_free $_pid"
    fi
  done <<END_OF_PROGRAMS
$_programs
END_OF_PROGRAMS
  for _pid in $_free; do
    # One that ended while others were looked at is none.
    _exe=$(program "$_pid")
    [ -n "$_exe" ] || continue
    case " $_above " in *" $_pid "*) _what=wrapper ;; *) _what=unjailed ;; esac
    printf 'claude\t%s\t%s\t-\t-\t%s\n' "$_pid" "$_what" "$_exe"
  done
  for _pid in $(printf '%s\n' $_boundaries | sort -u); do
    _file=$(policy_file "$_pid")
    # A pipe in its place would be waited for without an end.
    _sum=$([ -f "$_file" ] && sha256sum 2>/dev/null < "$_file" | cut -d ' ' -f 1)
    _changed=no
    # Both clocks may be a second off.
    [ "$(stat -c %Y "$_file" 2>/dev/null || echo 0)" -gt $(($(started "$_pid") + 2)) ] \
      && _changed=yes
    _more=$(more_rules "$_pid" | tr '\n' ',')
    printf 'boundary\t%s\t%s\t%s\t%s\t%s\t%s\n' \
      "$_pid" "$(program "$_pid")" "$_file" "${_sum:--}" "$_changed" "${_more:--}"
  done
}
