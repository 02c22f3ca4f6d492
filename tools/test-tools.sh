#!/bin/bash
# Installs what the end-to-end tests drive: Debian's packages (as root) and, in .cache/tools, clients that are npm or Python packages.
# Idempotent: what is there is left alone, and a second run takes a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# program -> Debian package
programs=(dockerd docker-registry skopeo podman containerd ip busybox bwrap nginx curl openssl ruby bundle mvn systemd-analyze spin gcc)
packages=(docker.io docker-registry skopeo podman containerd iproute2 busybox-static bubblewrap nginx-light curl openssl ruby bundler maven systemd spin gcc)
missing=()
for i in "${!programs[@]}"; do
  command -v "${programs[$i]}" >/dev/null || missing+=("${packages[$i]}")
done
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
maven_plugins=/usr/share/maven-repo/org/apache/maven/plugins
# Maven's own plug-ins as a folder of files, which the upstream of a test serves.
for each in dependency resources compiler surefire jar; do
  [ -d "$maven_plugins/maven-$each-plugin" ] && continue
  [ "$each" = surefire ] && missing+=(libsurefire-java junit4) || missing+=("libmaven-$each-plugin-java")
done
command -v javac >/dev/null || missing+=(default-jdk-headless)
[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
[ -d /usr/lib/cni ] || missing+=(containernetworking-plugins)

if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "test:tools: not root, so these stay out (and their tests are left out): ${missing[*]}" >&2
  else
    echo "test:tools: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # Services that the packages bring must not start: the tests run their own, on free ports.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
  fi
fi

# Exact versions: a new release of a client must not turn CI red by itself.
tools=.cache/tools
wanted="pnpm@12.21.0 @yarnpkg/cli-dist@4.18.1"
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$wanted" ]; then
  echo "test:tools: installing $wanted in $tools"
  mkdir -p "$tools"
  [ -e "$tools/package.json" ] || echo '{"private": true}' >"$tools/package.json"
  # shellcheck disable=SC2086 -- two words on purpose
  npm install --prefix "$tools" --no-audit --no-fund --no-package-lock --save-exact $wanted
  echo "$wanted" >"$tools/installed"
fi

# Yarn 1 beside it, under a name of its own.
wanted="yarn@1.22.22"
if [ "$(cat "$tools/classic/installed" 2>/dev/null)" != "$wanted" ]; then
  echo "test:tools: installing $wanted in $tools/classic"
  mkdir -p "$tools/classic"
  [ -e "$tools/classic/package.json" ] || echo '{"private": true}' >"$tools/classic/package.json"
  npm install --prefix "$tools/classic" --no-audit --no-fund --no-package-lock --save-exact "$wanted"
  ln -sf ../../classic/node_modules/yarn/bin/yarn.js "$tools/node_modules/.bin/yarn1"
  echo "$wanted" >"$tools/classic/installed"
fi

# Another version of Node, under a name of its own: networks may not part ways over it.
wanted="node@26.10.0"
if [ "$(cat "$tools/node26/installed" 2>/dev/null)" != "$wanted" ]; then
  echo "test:tools: installing $wanted in $tools/node26"
  mkdir -p "$tools/node26"
  # The package fetches the right program by a script.
  echo '{"private": true, "allowScripts": {"node": true}}' >"$tools/node26/package.json"
  npm install --prefix "$tools/node26" --no-audit --no-fund --no-package-lock --save-exact "$wanted"
  ln -sf ../../node26/node_modules/node/bin/node "$tools/node_modules/.bin/node26"
  echo "$wanted" >"$tools/node26/installed"
fi

# pip, uv and poetry in a Python environment of their own.
wanted="pip==26.2 uv==0.13.9 poetry==2.5.1"
if [ "$(cat "$tools/python/installed" 2>/dev/null)" != "$wanted" ]; then
  echo "test:tools: installing $wanted in $tools/python"
  python3 -m venv "$tools/python"
  # shellcheck disable=SC2086 -- two words on purpose
  "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check $wanted
  echo "$wanted" >"$tools/python/installed"
fi
# Back ends that make Python packages, as the files that a test's own index serves.
wanted="pip==26.2 setuptools==80.9.0 flit-core==3.12.0 hatchling==1.27.0 poetry-core==2.1.3 pdm-backend==2.4.5"
if [ "$(cat "$tools/wheels/installed" 2>/dev/null)" != "$wanted" ]; then
  echo "test:tools: fetching $wanted into $tools/wheels"
  rm -rf "$tools/wheels"
  # shellcheck disable=SC2086 -- several words on purpose
  "$tools/python/bin/python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --dest "$tools/wheels" $wanted
  echo "$wanted" >"$tools/wheels/installed"
fi
# Programs in Go that read and write the log's formats: other people's code, against which ours is held.
for program in log-go log-tessera attest-go; do
  wanted="$(cat "test/e2e/$program"/* | sha256sum)"
  if [ "$(cat "$tools/go/$program.built" 2>/dev/null)" != "$wanted" ]; then
    if command -v go >/dev/null; then
      echo "test:tools: building test/e2e/$program"
      mkdir -p "$tools/go"
      into="$PWD/$tools/go/$program"
      (cd "test/e2e/$program" && go build -trimpath -o "$into" .)
      echo "$wanted" >"$tools/go/$program.built"
    else
      echo "test:tools: no go, so the tests against $program are left out" >&2
    fi
  fi
done
echo "test:tools: ready"
