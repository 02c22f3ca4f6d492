/**
 * How Maven is pointed at this node, and back: a mirror in the user's settings, or in settings that a project's own arguments
 * name. All other settings are only read, for the mirror that they use now.
 */
import { AppError } from '../../../base/errors.ts'
import type { ClientEnvironment, ClientFile, ClientSetup } from '../../ecosystem.ts'
import { isMavenDefaultUrl } from '../default-upstream.ts'
import { MAVEN_UPSTREAM } from '../routes.ts'
import { mavenDoctor } from './doctor.ts'
import { centralUrls, isEmptySettings, withMirror, withoutMirror } from './settings.ts'

const PROJECT_SETTINGS = 'pyrsia-settings.xml'

const maven: ClientSetup = {
  name: 'maven',
  title: 'Maven',
  program: 'mvn',
  files(env) {
    const user = { path: `${env.home}/.m2/settings.xml`, mode: 0o600 }
    const read = installations(env).map((path) => ({ path, mode: 0o644, role: 'read' }))
    if (env.project === undefined) return [{ ...user, role: 'own' }, ...read]
    // A project has no settings of its own, but arguments, which can name some.
    return [
      { path: `${env.project}/.mvn/${PROJECT_SETTINGS}`, mode: 0o644, role: 'own' },
      { path: `${env.project}/.mvn/maven.config`, mode: 0o644, role: 'arguments' },
      { ...user, role: 'read' },
      ...read,
    ]
  },
  edit(text, target, file) {
    if (file.role === 'own') return withMirror(text, bare(target.url), file.path)
    return file.role === 'arguments' ? withLine(text ?? '', argumentOf(file)) : text
  },
  undo(text, target, file, before) {
    if (file.role === 'read') return text
    if (file.role === 'arguments') {
      const rest = linesOf(before ?? '').some((line) => line.trim() === argumentOf(file))
        ? text
        : withoutLine(text, argumentOf(file))
      return before === undefined && rest.trim() === '' ? undefined : rest
    }
    const rest = withoutMirror(text, bare(target.url), before, file.path)
    return before === undefined && isEmptySettings(rest, file.path) ? undefined : rest
  },
  upstreams: (text, file) => (file.role === 'arguments' ? [] : named(text, file)),
  afterwards: undefined,
  doctor: mavenDoctor,
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

/** In place of the machine's settings, behind the user's; absolute, because Maven may be run in any folder of the project. @throws usage.config */
function argumentOf({ path }: ClientFile): string {
  const settings = `${path.slice(0, path.lastIndexOf('/'))}/${PROJECT_SETTINGS}`
  if (!/\s/.test(settings)) return `--global-settings=${settings}`
  throw new AppError('usage.config', `${path} is not changed: Maven cannot be given a path with a space there`, {
    data: { path },
  })
}

function withLine(text: string, line: string): string {
  if (linesOf(text).some((each) => each.trim() === line)) return text
  const nl = text.includes('\r\n') ? '\r\n' : '\n'
  return `${text}${text === '' || /\n$/.test(text) ? '' : nl}${line}${nl}`
}

function withoutLine(text: string, line: string): string {
  return linesOf(text)
    .filter((each) => each.trim() !== line)
    .join('')
}

/** The lines of `text`, each with its end. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}
