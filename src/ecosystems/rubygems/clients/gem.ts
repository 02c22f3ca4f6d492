/**
 * `gem`: the list `:sources:` of its gemrc (`Gem::ConfigFile`). This node takes the place of the default source, or of the first
 * where that is not in the list; other sources stay behind it.
 */
import type { ClientEnvironment, ClientFile, ClientSetup } from '../../ecosystem.ts'
import { isGemDefaultUrl } from '../default-upstream.ts'
import { GEM_UPSTREAM } from '../routes.ts'
import { gemDoctor } from './doctor.ts'
import { bareUrl, leftover, readMapping, upstreamUrl } from './mapping.ts'
import { replacedBy, sourcesOf, withoutSource, withSource } from './sources.ts'

/** The setup of `gem`. */
export const gem: ClientSetup = {
  name: 'gem',
  title: 'RubyGems',
  program: 'gem',
  files: (env) => [
    { path: `${env.home}/.gemrc`, mode: 0o600, role: 'gemrc' },
    { path: `${configHome(env)}/gem/gemrc`, mode: 0o600, role: 'own' },
  ],
  edit(text, target, file) {
    // It reads this one only where ~/.gemrc is missing, but not beside it.
    if (file.role === 'own' && text === undefined) return undefined
    readMapping(text ?? '', file.path)
    return withSource(text, `${bareUrl(target.url)}/`, file.path)
  },
  undo: (text, target, file, before) => leftover(withoutSource(text, target.url, before, file.path), before),
  upstreams(text, file: ClientFile) {
    const used = replacedBy(sourcesOf(text, file.path).map((url) => ({ url })))
    if (used === undefined || isGemDefaultUrl(used.url)) return []
    return [{ name: GEM_UPSTREAM, url: upstreamUrl(used.url, file.path) }]
  },
  afterwards: undefined,
  doctor: gemDoctor,
}

function configHome({ home, variables }: ClientEnvironment): string {
  return variables.XDG_CONFIG_HOME || `${home}/.config`
}
