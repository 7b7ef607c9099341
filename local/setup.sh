#!/bin/sh
# Sets up what `make` needs before anything of ours can run: a Python, uv, environments; and commands of Debian packages.
# What cannot be brought along is named in one line, with what to do.
set -eu

trouble() {
    echo "✗ $*" >&2
    exit 1
}

# Print the first Python here that is new enough and can make an environment.
python() {
    old="" bare=""
    for name in python3 python3.13 python3.12 python3.11; do
        version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        if ! "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            old=$version
        elif ! "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            bare=$version
        else
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    [ -z "$bare" ] || trouble "Python $bare is here without venv. On Debian, as root: apt-get install python3-venv"
    [ -z "$old" ] || trouble "Python 3.11 or newer is needed, python3 is $old. Put a newer one on PATH as python3.13, python3.12 or python3.11."
    trouble "Python 3.11 or newer is needed, and there is no python3. On Debian, as root: apt-get install python3 python3-venv"
}

# uv of our own, so that every machine takes the same way.
bootstrap() {
    python=$(python)
    echo "Setting up uv in .venvs/uv …" >&2
    rm -rf .venvs/uv
    "$python" -m venv .venvs/uv
    .venvs/uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13.9,<0.14' ||
        trouble "uv could not be installed; pip says why above. It comes from PyPI, so this first start needs the network."
    touch .venvs/uv/.done
}

# environment FOLDER [OPTION…]: what uv.lock names, with the options of `uv sync`.
environment() {
    folder=$1 && shift
    python=$(python)
    echo "Setting up $folder …" >&2
    # What an interrupted start left may be no environment at all, which uv refuses to mend.
    "$folder/bin/python" -c '' 2>/dev/null || rm -rf "$folder"
    UV_PROJECT_ENVIRONMENT=$folder uv sync --quiet --frozen --python "$python" "$@" ||
        trouble "$folder could not be set up; uv says why above. What is not in its cache comes from PyPI; what has no wheel for this machine wants a C compiler."
    touch "$folder/.done"
}

# system COMMAND…: their Debian packages, installed where they are missing and we may.
system() {
    missing=""
    for command; do
        command -v "$command" >/dev/null && continue
        case $command in
            java) missing="$missing openjdk-17-jre-headless" ;;
            WebKitWebDriver) missing="$missing webkit2gtk-driver libwebkit2gtk-4.1-0" ;;
            xvfb-run) missing="$missing xvfb xauth" ;;
            *) missing="$missing $command" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        trouble "These Debian packages are needed:$missing. As root: apt-get install --no-install-recommends$missing"
    fi
    echo "Installing$missing …" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing; } >&2 ||
        trouble "apt-get could not install$missing; it says why above."
}

"$@"
