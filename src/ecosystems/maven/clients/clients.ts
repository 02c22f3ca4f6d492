/** How Maven is pointed at this node, and back: a mirror in the user's settings; the machine's settings are only read. */
import type { ClientEnvironment, ClientFile, ClientSetup } from '../../ecosystem.ts'
import { isMavenDefaultUrl } from '../default-upstream.ts'
import { MAVEN_UPSTREAM } from '../routes.ts'
import { centralUrls, isEmptySettings, withMirror, withoutMirror } from './settings.ts'

const maven: ClientSetup = {
  name: 'maven',
  title: 'Maven',
  program: 'mvn',
  files(env) {
    const global = installations(env).map((path) => ({ path, mode: 0o644, role: 'global' }))
    return [{ path: `${env.home}/.m2/settings.xml`, mode: 0o600, role: 'own' }, ...global]
  },
  edit(text, target, file) {
    return file.role === 'own' ? withMirror(text, bare(target.url), file.path) : text
  },
  undo(text, target, file, before) {
    if (file.role !== 'own') return text
    const rest = withoutMirror(text, bare(target.url), before, file.path)
    return before === undefined && isEmptySettings(rest, file.path) ? undefined : rest
  },
  upstreams: (text, file) => named(text, file),
  afterwards: undefined,
}

/** The stock clients of this ecosystem. */
export const mavenClients: readonly ClientSetup[] = [maven]

/** Settings of the machine, which count too, behind the user's. */
function installations({ variables }: ClientEnvironment): string[] {
  const homes = [variables.MAVEN_HOME, variables.M2_HOME].filter((home) => home?.startsWith('/'))
  return [...new Set(['/etc/maven/settings.xml', ...homes.map((home) => `${home}/conf/settings.xml`)])]
}

/** @throws usage.config if the settings cannot be read */
function named(text: string, file: ClientFile) {
  const urls = centralUrls(text, file.path).filter((url) => !isMavenDefaultUrl(url))
  return urls.map((url, index) => ({
    name: index === 0 ? MAVEN_UPSTREAM : `${MAVEN_UPSTREAM}-${index + 1}`,
    url: bare(url),
  }))
}

function bare(url: string): string {
  return url.replace(/\/+$/, '')
}
