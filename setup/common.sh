# Sourced by the scripts in setup/: where things lie, how a failure reads, and apt with lists of our own.
# shellcheck shell=sh disable=SC2016,SC2034

root=$(cd "$(dirname "$0")/.." && pwd)
build=${VESPER_BUILD:-$root/build}
# Downloads and unpacked peers outlive a clone, so that a fresh one does not fetch them again.
if [ -n "${XDG_CACHE_HOME:-}" ]; then
    cache=$XDG_CACHE_HOME/vesper
elif [ -n "${HOME:-}" ] && [ -d "$HOME" ] && [ -w "$HOME" ]; then
    cache=$HOME/.cache/vesper
else
    cache=$build/cache
fi
oldest_header=309 # of Vulkan 1.4: the oldest registry that has what the protocol carries
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# need_space DIRECTORY MIB WHAT: a full disk is reported before anything is half done.
need_space() {
    mkdir -p "$1" 2>/dev/null || true
    [ -w "$1" ] || die "cannot write to $1 for $3: make it writable (a cache moves with XDG_CACHE_HOME)"
    free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$2" ] ||
        die "no disk space: $3 needs $2 MiB in $1, where $free MiB are free; make room and run it again"
}

# explain_apt LOG WHAT: one line that says why apt failed and what would help.
explain_apt() {
    if grep -qE 'No space left|enough free space' "$1"; then
        die "no disk space: apt could not store $2; make room in /var/cache/apt and / and run it again"
    elif grep -qE 'Temporary failure resolving|Could not resolve|Could not connect|Connection (failed|timed out|refused)|Network is unreachable|Cannot initiate the connection' "$1"; then
        die "no network: apt could not reach $(failed_host "$1") for $2; check the connection or the mirror in /etc/apt and run it again"
    elif grep -qE 'NO_PUBKEY|is not signed|EXPKEYSIG' "$1"; then
        die "the signature of $2 cannot be checked with $keyring: apt-get install debian-archive-keyring"
    elif grep -qE 'is expired|not valid yet' "$1"; then
        die "the lists of $(sed -nE 's/.*Release file for ([^ ]*) .*/\1/p' "$1" | head -n 1) do not fit this machine's date ($(date +%F)): set the clock, or use a mirror that is up to date"
    elif grep -q 'Unable to locate package' "$1"; then
        die "no package $(sed -n 's/.*Unable to locate package //p' "$1" | sort -u | tr '\n' ' ')in the configured sources: add Debian's 'main' to /etc/apt"
    elif grep -qE 'Could not get lock|Unable to acquire' "$1"; then
        die "another apt is at work: wait until it ends and run it again"
    fi
    die "apt could not get $2: $(grep -m1 '^E:' "$1" || tail -n 1 "$1")"
}

failed_host() {
    sed -nE "s#.*(resolving|resolve|connect to|connection to) '?([^' :]+).*#\2#p" "$1" | head -n 1
}

# The mirror of the distribution itself, as apt understands its configuration (either format of it).
debian_mirror() {
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        awk -v code="$codename" '
            $3 == "main" && ($2 == code || $2 == "stable" || $2 == "testing" || $2 == "unstable" || $2 == "sid") {
                print $1; exit
            }'
}

require_mirror() {
    command -v apt-get >/dev/null || die "no apt-get here: $1"
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "no Debian mirror in /etc/apt's sources: $1"
}

# own_apt SUITE COMMAND...: apt-get with lists, cache and sources of its own, which knows only SUITE of
# the configured mirror. Reads nothing of, and writes nothing to, the system's apt state. Signatures are
# checked; the date of a list is not, since a mirror that lags has what we want as well.
own_apt() {
    suite=$1
    shift
    own=$build/apt/$suite
    mkdir -p "$own/lists/partial" "$own/cache/archives/partial"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$own/sources.list"
    apt-get -q -o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$own/lists" -o Dir::State::Status=/dev/null -o Dir::Cache="$own/cache" \
        -o APT::Sandbox::User="$(id -un)" -o APT::Get::List-Cleanup=0 -o Acquire::Languages=none \
        -o APT::Default-Release= -o Acquire::Retries=2 \
        -o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false "$@"
}

# fetch_package SUITE PACKAGE DIRECTORY: leaves PACKAGE_*.deb there.
fetch_package() {
    log=$build/apt/$1.log
    mkdir -p "$build/apt" "$3"
    # update ends with success even when it reached nothing, but then says W: or Err: and has no list.
    own_apt "$1" update >"$log" 2>&1 || return 1
    (cd "$3" && own_apt "$1" download "$2") >>"$log" 2>&1
}

# make_debian SUITE FOLDER RECIPE MIB: a Debian by debootstrap, with the packages that RECIPE, "REVISION PACKAGES",
# names. Made anew when the recipe has changed; the old one stays until then. The caller holds the lock of the
# folder's parent.
make_debian() {
    [ "$(cat "$2/.recipe" 2>/dev/null)" != "$3" ] || return 0
    [ "$(id -u)" = 0 ] || die "not root: a folder of Debian $1 needs debootstrap and chroot; run it as root"
    command -v debootstrap >/dev/null || die "no debootstrap: apt-get install debootstrap"
    need_space "${2%/*}" "$4" "a folder of Debian $1"
    require_mirror "add Debian's 'main' to /etc/apt/sources.list.d"
    say "making a folder of Debian $1, ${2##*/} (a few minutes, once)"
    rm -rf "$2.new" "$2.old"
    log=$build/apt/debootstrap-${2##*/}.log
    mkdir -p "$build/apt"
    # A kernel among the packages needs no initial file system: tests make their own.
    INITRD=No debootstrap --variant=minbase --keyring="$keyring" --include="${3#* }" \
        "$1" "$2.new" "$mirror" </dev/null >"$log" 2>&1 || explain_debootstrap "$1" "$2.new"
    rm -rf "$2.new"/var/cache/apt/archives/*.deb "$2.new"/var/lib/apt/lists/*
    echo "$3" >"$2.new/.recipe"
    [ ! -d "$2" ] || mv "$2" "$2.old"
    mv "$2.new" "$2"
    rm -rf "$2.old"
}

# explain_debootstrap SUITE FOLDER: one line that says why it failed; the half-made folder goes.
explain_debootstrap() {
    rm -rf "$2"
    case $(cat "$log") in
    *"Failed getting release file"* | *"Couldn't download"*)
        die "no network: debootstrap could not read $1 from $mirror; check the connection and run it again"
        ;;
    *noexec* | *mknod*)
        die "${2%/*} lies on a file system without devices: set XDG_CACHE_HOME to one mounted with exec,dev"
        ;;
    *"No space left"*)
        die "no disk space: debootstrap filled ${2%/*}; make room and run it again"
        ;;
    esac
    die "debootstrap failed: $(tail -n 1 "$log") ($log)"
}
