/**
 * What a step finds inside, the same on every builder: places, user, host and environment. Pure. A change here changes what builds
 * may see, so it changes what they make. 2-trust.md, "Sandbox".
 */

/** Places inside the sandbox. */
export const INSIDE = {
  job: '/build',
  home: '/build/work/home',
  /** Node, the runner and the socket of the registry. */
  runtime: '/run/pyrsia',
  path: '/usr/local/bin:/usr/bin:/bin',
} as const

/** User, group and host inside. */
export const IDENTITY = { user: 'builder', uid: 1000, gid: 1000, host: 'builder' } as const

/** Port of the recorded registry on the sandbox's own loopback; part of `REGISTRY_URL`. */
export const REGISTRY_PORT = 4873

/** The files of the constructed `/etc`, by name. */
export const ETC: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/root:/bin/sh\n${IDENTITY.user}:x:${IDENTITY.uid}:${IDENTITY.gid}:${IDENTITY.user}:${INSIDE.home}:/bin/sh\n`,
  group: `root:x:0:\n${IDENTITY.user}:x:${IDENTITY.gid}:\n`,
  hosts: `127.0.0.1 localhost ${IDENTITY.host}\n::1 localhost\n`,
  hostname: `${IDENTITY.host}\n`,
  // Names are asked of the runner, which knows none and tells the node.
  'resolv.conf': 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
}

/** What of the machine's own `/etc` programs need in order to be found and started. */
export const ETC_OF_MACHINE: readonly string[] = ['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d']

/** The environment of a step, before its own. */
export function fixedEnvironment(sourceDateSeconds: number): Record<string, string> {
  return {
    PATH: INSIDE.path,
    HOME: INSIDE.home,
    USER: IDENTITY.user,
    LOGNAME: IDENTITY.user,
    SHELL: '/bin/sh',
    TMPDIR: '/tmp',
    TZ: 'UTC',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: String(sourceDateSeconds),
  }
}

/** What Linux says of its processors where only `cpuCount` of them are shown. */
export function processorList(cpuCount: number): string {
  return cpuCount === 1 ? '0\n' : `0-${cpuCount - 1}\n`
}
