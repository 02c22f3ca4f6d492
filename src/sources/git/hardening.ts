/**
 * What git is told before it touches anything that strangers wrote: nothing of this machine's or this user's configuration, no
 * hooks, no filters, no helpers, no questions, one protocol. Pure; used by `run-git.ts`. 2-trust.md, "Sandbox".
 */

/** Nothing may be read from here, so that it stands for "none" wherever git wants a file or a folder. */
const NOTHING = '/dev/null'

/** Blemishes that old but honest repositories have, and that change nothing about what is built. Everything else ends the transfer. */
const HARMLESS = [
  'badTimezone',
  'missingEmail',
  'missingNameBeforeEmail',
  'missingSpaceBeforeDate',
  'missingSpaceBeforeEmail',
  'missingTaggerEntry',
  'zeroPaddedDate',
  'zeroPaddedFilemode',
] as const

/** The whole environment of git: what is not here it does not get. `extra`: a proxy or certificates that the owner set. */
export function gitEnvironment(
  home: string,
  protocol: 'https' | 'http' | 'none',
  extra: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    ...extra,
    HOME: home,
    XDG_CONFIG_HOME: home,
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_ALLOW_PROTOCOL: protocol,
    GIT_ASKPASS: 'false',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: NOTHING,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: NOTHING,
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_SSH_COMMAND: 'false',
    GIT_TERMINAL_PROMPT: '0',
    SSH_ASKPASS: 'false',
  }
}

/** Settings before each command. */
export function gitSettings(protocol: 'https' | 'http' | 'none'): string[] {
  const settings: Record<string, string> = {
    'core.askPass': 'false',
    'core.attributesFile': NOTHING,
    'core.autocrlf': 'false',
    'core.bare': 'false',
    'core.eol': 'lf',
    'core.excludesFile': NOTHING,
    'core.fileMode': 'true',
    'core.fsmonitor': 'false',
    'core.hooksPath': NOTHING,
    'core.precomposeUnicode': 'false',
    'core.protectHFS': 'true',
    'core.protectNTFS': 'true',
    'core.symlinks': 'true',
    'credential.helper': '',
    'fetch.fsckObjects': 'true',
    'fetch.recurseSubmodules': 'false',
    'fetch.unpackLimit': '1',
    'gc.auto': '0',
    // A moved repository is followed, but not away from a mirror that the owner chose.
    'http.followRedirects': protocol === 'https' ? 'initial' : 'false',
    'http.lowSpeedLimit': '1000',
    'http.lowSpeedTime': '60',
    'maintenance.auto': 'false',
    'pack.threads': '1',
    'protocol.allow': 'never',
    'protocol.version': '2',
    'submodule.recurse': 'false',
    'transfer.fsckObjects': 'true',
  }
  if (protocol !== 'none') settings[`protocol.${protocol}.allow`] = 'always'
  for (const name of HARMLESS) settings[`fetch.fsck.${name}`] = 'ignore'
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
