/**
 * How npm, pnpm and yarn are pointed at this node, and restored. Pure: `src/clients/` reads and writes the files.
 * What each client obeys was tried with npm 11, pnpm 12 and yarn 4: pnpm prefers its own config.yaml to ~/.npmrc, reads no
 * other rc file any more, and yarn 2 and later want plain http allowed by host.
 */
import { AppError } from '../../../base/errors.ts'
import type { ClientEnvironment, ClientFile, ClientSetup, ClientUpstream } from '../../ecosystem.ts'
import { isNpmDefaultUrl } from '../default-upstream.ts'
import { npmDoctor, pnpmDoctor, yarnDoctor } from './doctor.ts'
import { type LineSyntax, NPMRC, settingOf, withKey, withoutKey, YAML } from './lines.ts'
import { checkMapping, withoutWord, withWord } from './yaml.ts'

const UPSTREAM_NAME = 'npm'

const npm: ClientSetup = {
  name: 'npm',
  title: 'npm',
  program: 'npm',
  files: (env) => [npmrc(env, env.variables.NPM_CONFIG_USERCONFIG ?? env.variables.npm_config_userconfig)],
  edit(text, target) {
    const pointed = withKey(text ?? '', 'registry', withSlash(target.url), NPMRC)
    // Another upstream's documents name its own host, which npm would then ask past this node.
    return target.defaultUpstream ? pointed : withKey(pointed, 'replace-registry-host', 'always', NPMRC)
  },
  undo(text, target, _file, before) {
    const registry = withoutKey(text, 'registry', withSlash(target.url), before, NPMRC)
    return leftover(withoutKey(registry, 'replace-registry-host', 'always', before, NPMRC), before)
  },
  upstreams: (text, file) => namedIn(text, file, 'registry', NPMRC),
  afterwards: undefined,
  variables: ({ url, defaultUpstream }) => ({
    npm_config_registry: withSlash(url),
    ...(defaultUpstream ? {} : { npm_config_replace_registry_host: 'always' }),
  }),
  doctor: npmDoctor,
}

const pnpm: ClientSetup = {
  name: 'pnpm',
  title: 'pnpm',
  program: 'pnpm',
  files: (env) => [npmrc(env, undefined), { path: `${pnpmHome(env)}/config.yaml`, mode: 0o600, role: 'own' }],
  edit(text, target, file) {
    if (file.role !== 'own') return withKey(text ?? '', 'registry', withSlash(target.url), NPMRC)
    if (text === undefined) return undefined
    checkMapping(text, file.path)
    if (settingOf(text, 'registries', YAML) !== undefined && /^\s+["']?default["']?\s*:/m.test(text)) {
      throw new AppError('usage.config', `${file.path} is not changed: take the default out of its registries first`, {
        data: { path: file.path },
      })
    }
    // It comes before ~/.npmrc, but only where it names a registry.
    const named = settingOf(text, 'registry', YAML) !== undefined
    return named ? withKey(text, 'registry', withSlash(target.url), YAML) : text
  },
  undo: (text, target, file, before) =>
    leftover(withoutKey(text, 'registry', withSlash(target.url), before, file.role === 'own' ? YAML : NPMRC), before),
  upstreams: (text, file) => namedIn(text, file, 'registry', file.role === 'own' ? YAML : NPMRC),
  afterwards: undefined,
  // Version 11 and later read their own name only, older ones npm's.
  variables: ({ url }) => ({ npm_config_registry: withSlash(url), pnpm_config_registry: withSlash(url) }),
  doctor: pnpmDoctor,
}

const yarn: ClientSetup = {
  name: 'yarn',
  title: 'yarn',
  program: 'yarn',
  // Not ~/.yarnrc: yarn 1 writes the address that it fetched from into yarn.lock, and no server can help that.
  files: (env) => [{ path: `${env.project ?? env.home}/.yarnrc.yml`, mode: 0o600, role: 'own' }],
  edit(text, target, file) {
    checkMapping(text ?? '', file.path)
    const pointed = withKey(text ?? '', 'npmRegistryServer', bare(target.url), YAML)
    const { protocol, hostname } = new URL(target.url)
    return protocol === 'http:' ? withWord(pointed, 'unsafeHttpWhitelist', hostname, file.path) : pointed
  },
  undo(text, target, file, before) {
    checkMapping(text, file.path)
    const registry = withoutKey(text, 'npmRegistryServer', bare(target.url), before, YAML)
    const { hostname } = new URL(target.url)
    return leftover(withoutWord(registry, 'unsafeHttpWhitelist', hostname, before, file.path), before)
  },
  upstreams: (text, file) => namedIn(text, file, 'npmRegistryServer', YAML),
  afterwards: undefined,
  past: 'yarn 2 and later go through this node; yarn 1 does not, or yarn.lock would name it (set up for npm, this node gives yarn 1 indexes, and upstream gives it the files)',
  variables: ({ url }) => ({
    YARN_NPM_REGISTRY_SERVER: bare(url),
    YARN_UNSAFE_HTTP_WHITELIST: new URL(url).hostname,
  }),
  doctor: yarnDoctor,
}

/** The stock clients of this ecosystem. */
export const npmClients: readonly ClientSetup[] = [npm, pnpm, yarn]

function npmrc(env: ClientEnvironment, named: string | undefined): ClientFile {
  const own = env.project === undefined ? named : undefined
  return { path: own || `${env.project ?? env.home}/.npmrc`, mode: 0o600, role: 'npmrc' }
}

function pnpmHome(env: ClientEnvironment): string {
  const named = env.variables.XDG_CONFIG_HOME
  if (named !== undefined && named !== '') return `${named}/pnpm`
  return env.platform === 'darwin' ? `${env.home}/Library/Preferences/pnpm` : `${env.home}/.config/pnpm`
}

/** The registry that `key` names, unless it is the default. @throws usage.config if it depends on a variable, which is not ours to resolve */
function namedIn(text: string, file: ClientFile, key: string, syntax: LineSyntax): ClientUpstream[] {
  const value = settingOf(text, key, syntax)
  if (value === undefined || value === '') return []
  const url = URL.parse(value)
  if (url === null || value.includes('${')) {
    throw new AppError(
      'usage.config',
      `${file.path} is not changed: its ${key} is ${JSON.stringify(value)}, wanted a URL`,
      {
        data: { path: file.path },
      },
    )
  }
  return isNpmDefaultUrl(url.href) ? [] : [{ name: UPSTREAM_NAME, url: bare(url.href) }]
}

function withSlash(url: string): string {
  return `${bare(url)}/`
}

function bare(url: string): string {
  return url.replace(/\/+$/, '')
}

/** Nothing is left of a file that did not exist before and holds nothing now. */
function leftover(text: string, before: string | undefined): string | undefined {
  return before === undefined && text.trim() === '' ? undefined : text
}
