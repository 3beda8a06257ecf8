# What `coder stat` tells of a workspace, without that program: it stands where a jailed agent may
# write. By cgroup v2 or v1, in its words, such as 1.2/8 GiB (15%).

cgroup=/sys/fs/cgroup

# said USED TOTAL UNIT; without a TOTAL there is no limit.
said() {
  awk -v used="$1" -v total="$2" -v unit="$3" '
    function short(n) { return sprintf(n < 100 ? "%.3g" : "%.0f", n) }
    BEGIN {
      if (total > 0) printf "%s/%s %s (%.0f%%)\n", short(used), short(total), unit, 100 * used / total
      else printf "%s %s\n", short(used), unit
    }'
}

# The number beside name $2 in file $1.
number() { awk -v name="$2" '$1 == name { print $2 }' "$1"; }

# Bytes as GiB; what is no number, or a limit that no machine reaches, is no limit.
gib() { awk -v n="$1" 'BEGIN { if (n ~ /^[0-9]+$/ && n < 2 ^ 60) printf "%.6f", n / 2 ^ 30 }'; }

# Microseconds of all cores.
cpu_used() {
  if [ -r "$cgroup/cpu.stat" ]; then
    number "$cgroup/cpu.stat" usage_usec
  else
    awk '{ printf "%.0f\n", $1 / 1000 }' "$cgroup/cpuacct/cpuacct.usage"
  fi
}

cpu_limit() {
  if [ -r "$cgroup/cpu.max" ]; then
    cat "$cgroup/cpu.max"
  elif [ -r "$cgroup/cpu/cpu.cfs_quota_us" ]; then
    echo "$(cat "$cgroup/cpu/cpu.cfs_quota_us") $(cat "$cgroup/cpu/cpu.cfs_period_us")"
  fi | awk '$1 > 0 && $2 > 0 { print $1 / $2 }'
}

stat_cpu() {
  _at=$(cut -d ' ' -f 1 /proc/uptime)
  _used=$(cpu_used) || return
  sleep 0.3
  _cores=$(awk -v at="$_at" -v used="$_used" -v now="$(cpu_used)" '
    $1 > at { printf "%.6f", (now - used) / 1000000 / ($1 - at) }' /proc/uptime)
  said "$_cores" "$(cpu_limit)" cores
}

stat_mem() {
  # What could be had back at once is not in use.
  if [ -r "$cgroup/memory.current" ]; then
    _all=$(cat "$cgroup/memory.current") _limit=$(cat "$cgroup/memory.max")
    _kept=$(number "$cgroup/memory.stat" inactive_file)
  else
    _all=$(cat "$cgroup/memory/memory.usage_in_bytes") || return
    _limit=$(cat "$cgroup/memory/memory.limit_in_bytes")
    _kept=$(number "$cgroup/memory/memory.stat" total_inactive_file)
  fi
  said "$(gib "$((_all - _kept))")" "$(gib "$_limit")" GiB
}

# Of the file system that holds folder $1.
stat_disk() {
  _blocks=$(df -Pk "$1" | awk 'NR == 2 { print $3, $2 }')
  [ -n "$_blocks" ] || return
  said "$(gib "$((${_blocks% *} * 1024))")" "$(gib "$((${_blocks#* } * 1024))")" GiB
}
