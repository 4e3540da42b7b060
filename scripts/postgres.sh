# A throw-away PostgreSQL cluster, for the scripts that source this file. They say
# what a step did with the functions report_ok and leave_out.

scratch=$(mktemp -d "${TMPDIR:-/tmp}/postern-test.XXXXXX") || exit 1
chmod 755 "$scratch" # the user of the cluster must reach its folder
bin=      # where initdb and pg_ctl are
as=()     # how to run them as a user who is not root
durable=  # not empty: it writes to the disk as one that is to be kept does

# stop_postgres stops the cluster, if it runs, and takes everything away.
stop_postgres() {
  if [ -f "$scratch/data/postmaster.pid" ]; then
    as_owner "$bin/pg_ctl" -D "$scratch/data" -m immediate -w stop >"$scratch/stop.log" 2>&1 </dev/null || cat "$scratch/stop.log" >&2
  fi
  rm -rf "$scratch"
}

# install puts packages on the machine where that is ours to do.
install() {
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 1
  printf '== apt-get install %s\n' "$*"
  {
    DEBIAN_FRONTEND=noninteractive apt-get -q update &&
      DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
  } >"$scratch/apt.log" 2>&1 </dev/null || { tail -n 20 "$scratch/apt.log" >&2; return 1; }
}

# find_postgres sets bin. Debian keeps the server's commands off the PATH.
find_postgres() {
  local dir
  for dir in "$(dirname "$(command -v initdb || printf none/none)")" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ]; then bin=$dir; fi
  done
  [ -n "$bin" ]
}

as_owner() { ${as[@]+"${as[@]}"} "$@"; }

# start_postgres starts a cluster and exports its URL, or says why it cannot.
start_postgres() {
  if [ -n "${POSTERN_TEST_POSTGRES:-}" ]; then return; fi
  if ! find_postgres && ! { install postgresql && find_postgres; }; then
    leave_out PostgreSQL "its server is not here and cannot be installed; every test ran on SQLite only"
    return
  fi
  local owner=
  if [ "$(id -u)" -eq 0 ]; then # the server refuses to run as root
    owner=postgres
    id "$owner" >/dev/null 2>&1 || owner=nobody
    as=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --clear-groups --)
    mkdir "$scratch/data" && chown "$owner" "$scratch/data"
  fi
  local password port
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077 && printf '%s' "$password" >"$scratch/password")
  [ -z "$owner" ] || chown "$owner" "$scratch/password"
  # Sorting as people do, unlike SQLite, shows a statement that relies on order.
  local locale=(--locale=C)
  if "$bin/initdb" --help | grep -q icu-locale; then locale+=(--locale-provider=icu --icu-locale=en-US); fi
  if ! (cd "$scratch" && as_owner "$bin/initdb" -D "$scratch/data" -U postern -A scram-sha-256 --pwfile="$scratch/password" \
    -E UTF8 "${locale[@]}") >"$scratch/initdb.log" 2>&1 </dev/null; then
    cat "$scratch/initdb.log" >&2
    leave_out PostgreSQL "initdb failed, see above; every test ran on SQLite only"
    return
  fi
  rm -f "$scratch/password"
  # What is thrown away need not outlive a power cut, and tests wait for it.
  local hasty="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
  [ -z "$durable" ] || hasty=
  for _ in 1 2 3 4 5; do # the port may be taken
    port=$((20000 + RANDOM % 12000))
    if (cd "$scratch" && as_owner "$bin/pg_ctl" -D "$scratch/data" -l "$scratch/data/log" -w \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$scratch/data' -c max_connections=200 $hasty" \
      start) >"$scratch/start.log" 2>&1 </dev/null; then
      export POSTERN_TEST_POSTGRES="postgres://postern:$password@127.0.0.1:$port/postgres?sslmode=disable"
      report_ok "PostgreSQL $("$bin/postgres" --version | cut -d' ' -f3), a throw-away cluster"
      return
    fi
  done
  cat "$scratch/start.log" "$scratch/data/log" >&2
  leave_out PostgreSQL "the cluster does not start, see above; every test ran on SQLite only"
}
