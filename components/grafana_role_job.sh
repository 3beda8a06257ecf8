# Runs the script of Grafana's role in the database that $DATABASE_URL names, by a URI or a keyword
# string, as libpq takes them.
#
# psql takes either as an argument alone, and whoever sees the node's processes reads arguments. So
# what it says goes into a service file, and the password into PGPASSWORD; only builtins of the
# shell see it on its way.
set -eu
umask 077

wrong() {
  echo 'error: the connection URL is none that libpq takes' >&2
  exit 1
}

# Lines of the service file, the last first: of two of a key psql takes the first, libpq the last.
lines=
newline='
'
keep() {
  case $1$2 in *"$newline"*) wrong ;; esac
  case $1 in
    password) export PGPASSWORD="$2" ;;
    *) lines="$1=$2$newline$lines" ;;
  esac
}

decode() {
  decoded=
  left=$1
  while :; do
    case $left in
      *%*) ;;
      *) break ;;
    esac
    decoded=$decoded${left%%\%*}
    left=${left#*%}
    case $left in
      00*) wrong ;;
      [0-9a-fA-F][0-9a-fA-F]*) ;;
      *) wrong ;;
    esac
    # What is behind it keeps a newline from being cut off.
    byte=$(printf '%b.' "\\0$(printf '%03o' "0x${left%"${left#??}"}")")
    decoded=$decoded${byte%.}
    left=${left#??}
  done
  decoded=$decoded$left
}

keep_decoded() {
  if [ -n "$2" ]; then
    decode "$2"
    keep "$1" "$decoded"
  fi
}

from_uri() {
  rest=${1#*://}
  case ${rest%%/*} in
    *@*)
      who=${rest%%@*}
      rest=${rest#*@}
      keep_decoded user "${who%%:*}"
      case $who in *:*) keep_decoded password "${who#*:}" ;; esac
      ;;
  esac
  places=${rest%%[/?]*}
  rest=${rest#"$places"}
  hosts= ports=
  while :; do
    place=${places%%,*}
    case $place in
      \[*\]*)
        host=${place#\[}
        host=${host%%\]*}
        port=${place#*\]}
        ;;
      *)
        host=${place%%:*}
        port=${place#"$host"}
        ;;
    esac
    case $port in '' | :*) ;; *) wrong ;; esac
    hosts=$hosts$host
    ports=$ports${port#:}
    case $places in *,*) ;; *) break ;; esac
    places=${places#*,}
    hosts=$hosts,
    ports=$ports,
  done
  keep_decoded host "$hosts"
  keep_decoded port "$ports"
  case $rest in
    /*)
      rest=${rest#/}
      name=${rest%%\?*}
      rest=${rest#"$name"}
      keep_decoded dbname "$name"
      ;;
  esac
  rest=${rest#\?}
  while [ -n "$rest" ]; do
    pair=${rest%%&*}
    rest=${rest#"$pair"}
    rest=${rest#&}
    case $pair in *=*) ;; *) wrong ;; esac
    decode "${pair%%=*}"
    key=$decoded
    decode "${pair#*=}"
    if [ "$key=$decoded" = ssl=true ]; then
      key=sslmode decoded=require
    fi
    keep "$key" "$decoded"
  done
}

without_space() { rest=${rest#"${rest%%[![:space:]]*}"}; }

escaped() {
  rest=${rest#?}
  value=$value${rest%"${rest#?}"}
  rest=${rest#?}
}

from_words() {
  rest=$1
  without_space
  while [ -n "$rest" ]; do
    key=${rest%%[=[:space:]]*}
    rest=${rest#"$key"}
    without_space
    case $rest in =*) rest=${rest#=} ;; *) wrong ;; esac
    without_space
    value=
    end='[:space:]'
    case $rest in
      \'*)
        rest=${rest#?}
        end="'"
        ;;
    esac
    while :; do
      part=${rest%%[\\$end]*}
      value=$value$part
      rest=${rest#"$part"}
      case $rest in
        \\*) escaped ;;
        *) break ;;
      esac
    done
    if [ "$end" = "'" ]; then
      case $rest in \'*) rest=${rest#?} ;; *) wrong ;; esac
    fi
    keep "$key" "$value"
    without_space
  done
}

url=$(printf '%s' "$DATABASE_URL")
unset DATABASE_URL
case $url in
  postgresql://* | postgres://*) from_uri "$url" ;;
  *=*) from_words "$url" ;;
  *) keep dbname "$url" ;;
esac
printf '[role]\n%s' "$lines" >/connection/service
export PGSERVICEFILE=/connection/service PGSERVICE=role
exec psql --no-psqlrc --quiet --file=/sql/grafana_ro.sql
