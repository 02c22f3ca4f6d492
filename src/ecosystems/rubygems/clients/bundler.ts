/**
 * Bundler: a mirror of the default source in its configuration (`Bundler::Settings`, "Gem source mirrors"). The Gemfile and its
 * lockfile keep naming the source itself. Where everything has a mirror already (`mirror.all`), that is the one to replace: it
 * comes before all others.
 */
import type { ClientEnvironment, ClientFile, ClientSetup } from '../../ecosystem.ts'
import { gemDefaultUrl, isGemDefaultUrl } from '../default-upstream.ts'
import { GEM_UPSTREAM } from '../routes.ts'
import { bundlerDoctor } from './doctor.ts'
import {
  appended,
  bareLine,
  bareUrl,
  type Entry,
  leftover,
  linesOf,
  notUnderstood,
  readMapping,
  scalarOf,
  upstreamUrl,
  withLine,
  withoutLines,
} from './mapping.ts'

const MIRROR_ALL = 'BUNDLE_MIRROR__ALL'

/** The setup of Bundler. */
export const bundler: ClientSetup = {
  name: 'bundler',
  title: 'Bundler',
  program: 'bundle',
  files: (env) => [{ path: configFile(env), mode: 0o600, role: env.project === undefined ? 'user' : 'project' }],
  edit(text, target, file) {
    const mirror = mirrorOf(text ?? '', file)
    const url = `${bareUrl(target.url)}/`
    if (mirror === undefined) return appended(text, [lineOf(mirrorKey(gemDefaultUrl()), url)])
    if (bareUrl(scalarOf(mirror.value)) === bareUrl(url)) return text
    return withLine(text ?? '', mirror.from, lineOf(mirror.key, url))
  },
  undo(text, target, file, before) {
    const ours = mirrorOf(text, file)
    if (ours === undefined || bareUrl(scalarOf(ours.value)) !== bareUrl(target.url)) return text
    const then = before === undefined ? undefined : mirrorOf(before, file)
    if (then === undefined) return leftover(withoutLines(text, ours.from, 1), before)
    return withLine(text, ours.from, bareLine(linesOf(before ?? '')[then.from]))
  },
  upstreams(text, file) {
    const entries = readMapping(text, file.path)
    // A mirror may also be named for the host alone; the address comes before it.
    const host = mirrorKey(new URL(gemDefaultUrl()).host)
    const used = mirrorOf(text, file) ?? entries.find(({ key }) => canonicalKey(key) === host)
    if (used === undefined) return []
    const url = scalarOf(used.value)
    return isGemDefaultUrl(url) ? [] : [{ name: GEM_UPSTREAM, url: upstreamUrl(url, file.path) }]
  },
  afterwards: undefined,
  // The mirror of one source has slashes in its name, which no shell exports.
  variables: (target) => ({ BUNDLE_MIRROR__ALL: `${bareUrl(target.url)}/` }),
  doctor: bundlerDoctor,
}

/** The key of a mirror, in the spelling of `Bundler::Settings.key_for`. */
export function mirrorKey(source: string): string {
  return canonicalKey(`BUNDLE_MIRROR__${source}`)
}

/** The mirror that counts for the default source. @throws usage.config if its value is not on its line */
function mirrorOf(text: string, file: ClientFile): Entry | undefined {
  const entries = readMapping(text, file.path)
  const wanted = mirrorKey(gemDefaultUrl())
  const found =
    entries.find(({ key }) => key.toUpperCase() === MIRROR_ALL) ??
    entries.find(({ key }) => canonicalKey(key) === wanted)
  if (found !== undefined && (found.to !== found.from + 1 || /^(?:[[{]|$)/.test(found.value))) {
    throw notUnderstood(file.path, `${found.key} has no value that is understood`, found.from + 1)
  }
  return found
}

/** Older files have dots, dashes, and no slash at the end of an address (`convert_to_backward_compatible_key`). */
function canonicalKey(key: string): string {
  const closed = /https?:/i.test(key) && !key.endsWith('/') ? `${key}/` : key
  return closed.replaceAll('.', '__').replaceAll('-', '___').toUpperCase()
}

function lineOf(key: string, value: string): string {
  return `${key}: ${JSON.stringify(value)}`
}

/** `Bundler::Settings#global_config_file`. */
function configFile({ home, project, variables }: ClientEnvironment): string {
  if (project !== undefined) return `${project}/.bundle/config`
  const named = variables.BUNDLE_CONFIG || variables.BUNDLE_USER_CONFIG
  if (named) return named
  return variables.BUNDLE_USER_HOME ? `${variables.BUNDLE_USER_HOME}/config` : `${home}/.bundle/config`
}
