#!/bin/bash -p
# firewalled-coder: the `claude` that comes first on PATH
# Starts Claude Code inside Boundary, each session at a proxy port of its own, or not at all. The
# program itself is looked for at each call, so that its updates need nothing of this one. By its
# other name, claude-terminal, it keeps the session for whoever comes back to it.

config=@CONFIG@
policy=@POLICY_SHA256@
# Which Boundary is this workspace's, and its sha256; empty where the module brings one.
record=@RECORD@
# The Claude Code of the stack's own, empty for the one that is found.
own=@PROGRAM@
# Where Coder's agent takes audit lines.
audit=@AUDIT_SOCKET@
# Of Claude Code's managed settings, empty where the template has none.
managed=@SETTINGS_SHA256@
managed_settings=/etc/claude-code/managed-settings.d/10-coder.json

# It runs outside of the jail for as long as a session inside does, which may write to the first folder
# of PATH. So what it runs itself stands in folders of the system's own, and what Boundary runs, too.
found_on=$PATH
PATH=/usr/bin:/bin:/usr/sbin:/sbin

mark='# firewalled-coder: the `claude` that comes first on PATH'
signals=(HUP INT QUIT TERM USR1 USR2)

refuse() {
  printf 'claude: not started: %s\n' "$1" >&2
  exit "${2:-126}"
}

# The program that others call claude: on PATH, or where its installers put it.
claude_program() {
  local path="$found_on:$HOME/.local/bin:/usr/local/bin:$HOME/.claude/local" directory program IFS=:
  if [[ $own ]]; then
    [[ -f $own && -x $own ]] && printf '%s\n' "$own"
    return
  fi
  set -f
  for directory in $path; do
    program=$directory/claude
    [[ $directory == /* && -f $program && -x $program && ! $program -ef $0 ]] || continue
    # A copy of this file, or an older one.
    [[ $(head -c 200 "$program" | tr -d '\000') == *"$mark"* ]] && continue
    printf '%s\n' "$program"
    return
  done
  return 1
}

# Whether the kernel itself keeps this process in a jail; variables say what anybody wrote there.
in_jail() {
  local name of_jail=no
  # Landlock answers so before anything is asked whether it listens; only a process that can gain
  # no privilege any more can be under it.
  if grep -q '^NoNewPrivs:[[:space:]]*1' /proc/self/status \
    && [[ $(LC_ALL=C; exec 2>&1; : <> /dev/tcp/127.0.0.1/1) == *'Permission denied'* ]]; then
    return 0
  fi
  # In the namespace that nsjail makes everything goes by its own link.
  while read -r name _; do
    case $name in
      Iface) ;;
      veth_n_*) of_jail=yes ;;
      *) return 1 ;;
    esac
  done < /proc/net/route
  [[ $of_jail == yes ]]
}

listens() {
  local port
  printf -v port '%04X' "$1"
  grep -qE "^ *[0-9]+: [0-9A-F]+:$port [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 2> /dev/null
}

# Below the ports that the kernel gives to clients.
free_port() {
  local port
  for _ in {1..50}; do
    port=$((20000 + RANDOM % 10000))
    listens "$port" || break
  done
  printf '%s\n' "$port"
}

# Whether a key pressed at the terminal reaches everything that runs here.
at_terminal() {
  local stat fields
  stat=$(< "/proc/$$/stat")
  read -r -a fields <<< "${stat##*) }"
  [[ ${fields[2]} == "${fields[5]}" ]]
}

# What runs inside the jail: Claude Code, whose exit status Boundary does not pass on.
inside='
run=$1 in=$2 out=$3 err=$4 connections=$5
export PATH=$6
shift 6
trap : HUP INT QUIT TERM USR1 USR2
(
  printf "%s\n" "$BASHPID" > "$run/pid"
  trap - HUP INT QUIT TERM USR1 USR2
  [ "$in" = 0 ] || exec <&"$in" >&"$out" 2>&"$err" {in}<&- {out}>&- {err}>&-
  exec "$@"
)
printf "%s\n" "$?" > "$run/ended"
# Boundary sends its audit lines every 5 s, and not at its end: it stays if there may be any. It
# has the terminal or the pipe for as long.
if grep -qE "$connections" /proc/net/tcp /proc/net/tcp6 2> /dev/null; then sleep 6; fi
'

# Claude Code's session, for whoever attaches to it. tmux starts what its socket asks for, and nothing
# keeps a jailed process from a socket: so its server stands in the jail, and in the foreground, as its
# Boundary ends with it. Clients stand in a jail, too: a server has its clients run commands.
serving='
ready=$1
shift
tmux -L claude-code -D &
for _ in {1..50}; do
  tmux -N -L claude-code new-session -d -s claude-code env "$@" && break
  kill -0 "$!" || exit 1
  sleep 0.1
done 2> /dev/null
tmux -L claude-code set-option -s exit-empty on
tmux -L claude-code has-session || tmux -L claude-code kill-server
: > "$ready"
wait
'
nobody_serves=90
attaching="
tmux -N -L claude-code has-session 2> /dev/null || exit $nobody_serves
exec tmux -N -L claude-code attach-session
"

reading='read -r status < "$1/ended"; printf "%s\n" "$status" > "$1/status"'

# Starts Boundary at port $1 with a command: $2 and on.
start() {
  local port=$1 of_port connections
  shift
  rm -f "$run/pid" "$run/status" "$run/ended"
  mkfifo "$run/ended"
  # In the namespace that nsjail makes every connection ends at the proxy.
  if [[ $in == 0 ]]; then of_port='[0-9A-F]+'; else printf -v of_port '%04X' "$port"; fi
  connections="^ *[0-9]+: ([0-9A-F]+:$of_port [^ ]+|[^ ]+ [0-9A-F]+:$of_port) 0[^A] "
  local command=("$boundary" --config="$config" --proxy-port="$port" -- /bin/bash -p -c "$inside"
    claude-in-jail "$run" "$in" "$out" "$err" "$connections" "$found_on" "$@")
  # A shell starts what it does not wait for with the keyboard's signals ignored.
  if [[ $in == 0 ]]; then
    # nsjail needs sudo, which passes on nothing but the three.
    (trap - INT QUIT; exec "${command[@]}") <&0 &
  else
    # Boundary keeps its own words to itself: Claude Code has the terminal.
    (trap - INT QUIT; exec "${command[@]}") < /dev/null > "$run/said" 2>&1 &
  fi
  jail=$!
  # It outlives a signal to all of them, and is not called claude, by which people count sessions.
  (trap '' "${signals[@]}"; exec /bin/bash -p -c "$reading" status "$run") \
    < /dev/null > /dev/null 2>&1 &
  reader=$!
}

forward() {
  received=$1
  # Claude Code has it already.
  if [[ $1 == INT || $1 == QUIT ]] && at_terminal; then return; fi
  kill -s "$1" "$(cat "$run/pid" 2> /dev/null || printf '%s' "$jail")" 2> /dev/null
}

# Waits up to $1 tenths of a second for Claude Code's exit status.
await_status() {
  local tenths=$1
  while ! [[ -s $run/status ]] && ((tenths-- > 0)); do sleep 0.1; done
  [[ -s $run/status ]]
}

# Waits for the session's end and puts its exit status into `status`; fails if there is none.
attend() {
  while ! [[ -s $run/status ]] && kill -0 "$jail" 2> /dev/null; do wait -n; done
  if [[ -s $run/pid ]] && ! await_status 10; then
    # The proxy is gone. One that answers a signal itself is given its time.
    if ! [[ $received ]] || ! await_status 100; then
      lost=yes
      kill -TERM "$(< "$run/pid")"
      await_status 50 || kill -KILL "$(< "$run/pid")"
      await_status 10
    fi
  fi
  kill -KILL "$reader"
  wait "$reader"
  [[ -s $run/status ]] && status=$(< "$run/status")
}

# Runs program $1 in a jail, and puts its exit status into `status`, if it has one.
session() {
  received='' lost='' status=''
  for _ in {1..5}; do
    port=$(free_port)
    start "$port" "$@"
    # The shell's own words about how its children end.
    attend 2> /dev/null
    [[ $status || $lost || $received ]] && break
    # Another session took the port in between.
    grep -q 'address already in use' "$run/said" 2> /dev/null || break
  done
}

# Ends as the session did.
finish() {
  [[ $lost ]] && printf 'claude: ended: its Boundary is gone\n' >&2
  [[ $status ]] && exit "$status"
  [[ $received ]] && exit "$((128 + $(kill -l "$received")))"
  [[ $lost ]] && exit 1
  local said
  said=$(grep . "$run/said" 2> /dev/null | tail -n 1)
  refuse "Boundary does not start: ${said:-no word of why}"
}

# Joins the session that is kept, or starts one; returns if there can be none.
in_terminal() {
  unset TMUX
  session /bin/bash -p -c "$attaching" attach
  [[ $status == "$nobody_serves" ]] || finish
  # It outlives the terminal.
  (PATH=$found_on serving_for=$run/ready exec "$(type -P setsid)" "$0" "$@") \
    < /dev/null > /dev/null 2>&1 &
  while ! [[ -e $run/ready ]] && kill -0 "$!" 2> /dev/null; do sleep 0.1; done
  [[ -e $run/ready ]] || return
  session /bin/bash -p -c "$attaching" attach
  finish
}

# A shell reads a file as it goes, and a session may write to this one: all of it is read before.
main() {
  HOME=${HOME:-$(cd ~ && pwd)}
  export HOME
  program=$(claude_program) \
    || refuse 'Claude Code is not installed yet; the startup script in the agent'\''s logs does that' 127
  if in_jail; then
    PATH=$found_on
    exec "$program" "$@"
  fi

  # A variable of that name may be around.
  recorded='' boundary=''
  if [[ $record ]]; then
    read -r recorded boundary 2> /dev/null < "$record"
  else
    boundary=$(PATH="$found_on:/usr/local/bin" type -P boundary)
  fi
  [[ $boundary ]] \
    || refuse 'Boundary is not installed yet; the startup script in the agent'\''s logs does that'
  if [[ $record ]]; then
    sha256=$(sha256sum 2> /dev/null < "$boundary")
    [[ ${sha256%% *} == "$recorded" ]] \
      || refuse "$boundary is not the Boundary of this workspace; restart the workspace"
  fi
  sha256=$(sha256sum 2> /dev/null < "$config") || refuse "$config cannot be read; restart the workspace"
  [[ ${sha256%% *} == "$policy" ]] \
    || refuse "$config is not the policy of this workspace; restart the workspace"

  if [[ $managed ]]; then
    sha256=$(sha256sum 2> /dev/null < "$managed_settings")
    [[ ${sha256%% *} == "$managed" ]] \
      || refuse "$managed_settings are not the settings of this workspace; restart the workspace"
  fi

  # Boundary goes on without an audit where this is not, and says so in a log that nobody reads.
  [[ -S $audit ]] || refuse "$audit is not there, so nothing would be audited; restart the workspace"

  # Nothing that is around widens the policy, silences the audit or moves the proxy.
  unset CHILD PROXY_PORT DISABLE_AUDIT_LOGS BOUNDARY_ALLOW BOUNDARY_JAIL_TYPE BOUNDARY_PPROF \
    BOUNDARY_PPROF_PORT BOUNDARY_USE_REAL_DNS BOUNDARY_NO_USER_NAMESPACE \
    BOUNDARY_SESSION_CORRELATION_ENABLED BOUNDARY_SESSION_ID_INJECT_TARGET
  export BOUNDARY_CONFIG=$config CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH=$audit

  run=$(mktemp -d 2> /dev/null) || refuse "there is no room in ${TMPDIR:-/tmp}"
  trap 'rm -rf "$run"' EXIT
  in=0 out=1 err=2
  if ! grep -q '^jail_type: nsjail$' "$config"; then
    exec {in}<&0 {out}>&1 {err}>&2
  fi

  received='' lost='' status=''
  for signal in "${signals[@]}"; do
    # shellcheck disable=SC2064  which one it is, is known now
    trap "forward $signal" "$signal"
  done

  if [[ ${0##*/} == claude-terminal ]]; then
    for_whom=${serving_for-}
    unset serving_for
    if [[ $for_whom ]]; then
      session /bin/bash -p -c "$serving" serve "$for_whom" "$program" "$@"
      finish
    fi
    # nsjail has one session at a time; the one that attaches would be a second.
    if [[ $in != 0 ]] && PATH=$found_on type -P tmux > /dev/null; then in_terminal "$@"; fi
  fi
  session "$program" "$@"
  finish
}
main "$@"; exit
