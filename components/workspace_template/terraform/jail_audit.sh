# Whether audit lines get to Coder's agent. POSIX sh, to be sourced after jail_state.sh. Boundary sends
# them to a socket that the agent makes when it starts. A jailed process may remove it or put another
# in its place, and Boundary goes on without a word.

audit_socket=${CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH:-/tmp/boundary-audit.sock}

# The process above this one that listens on Unix socket $1, if nobody else listens on one of its path.
listener() {
  _inodes=$(awk -v end=" $1" '
    $4 == "00010000" && substr($0, length($0) - length(end) + 1) == end { print $7 }' /proc/net/unix)
  case $_inodes in '' | *[!0-9]*) return ;; esac
  for _a in $(parents $$); do
    # shellcheck disable=SC2010  names of sockets, no files
    ls -l "/proc/$_a/fd" 2>/dev/null | grep -qF "socket:[$_inodes]" && echo "$_a" && return
  done
}

# Whether Boundary process $1 was started to send no lines, or to another socket.
keeps_quiet() {
  tr '\0' '\n' 2>/dev/null < "/proc/$1/cmdline" | sed '/^--$/,$d' \
    | grep -qE '^--?(disable-audit-logs|log-proxy-socket-path)' && return 0
  case $(variable "$1" DISABLE_AUDIT_LOGS) in
    '' | 0 | f | F | false | FALSE | False) ;;
    *) return 0 ;;
  esac
  _path=$(variable "$1" CODER_AGENT_BOUNDARY_LOG_PROXY_SOCKET_PATH)
  [ "${_path:-/tmp/boundary-audit.sock}" != "$audit_socket" ]
}

# "open"; or "gone", without a socket; "foreign", with another one than the agent's, or with one that
# somebody moved since; "off", where one of the Boundary processes $@ does not send there.
audit_state() {
  if ! [ -S "$audit_socket" ]; then
    echo gone
    return
  fi
  _agent=$(listener "$audit_socket")
  # The agent makes it within seconds, and nothing but a move or another socket changes it later.
  if [ -z "$_agent" ] \
    || [ "$(stat -c %Z "$audit_socket")" -gt $(($(started "$_agent") + 15)) ]; then
    echo foreign
    return
  fi
  for _b in "$@"; do
    if keeps_quiet "$_b"; then
      echo off
      return
    fi
  done
  echo open
}
