/**
 * What Maven is examined by: repositories that our mirror does not stand for. It covers the central one (or what the mirror
 * covered that it replaced); a repository under another id, in a POM or in a profile of the settings, is asked past the node.
 */
import { isKind } from '../../../base/errors.ts'
import { type ClientDoctor, type ClientLeak, type ClientView, leadsTo, withoutPasswords } from '../../ecosystem.ts'
import { mavenDefaultUrl } from '../default-upstream.ts'
import { childOf, readXml, textOfChild, type XmlElement } from '../formats/xml.ts'
import { MIRROR_ID, readSettings } from './settings.ts'

const CENTRAL = 'central'
const LISTS = ['repositories', 'pluginRepositories'] as const

/** Maven. */
export const mavenDoctor: ClientDoctor = {
  files: (env) => [
    { path: `${env.project}/.mvn/pyrsia-settings.xml`, mode: 0o644, role: 'project' },
    { path: `${env.project}/pom.xml`, mode: 0o644, role: 'pom' },
  ],
  leaks(view) {
    const roots = view.files.flatMap(({ file, text }) => {
      const root = text.trim() === '' ? undefined : rootOf(file.role, file.path, text)
      return root === undefined ? [] : [{ path: file.path, root }]
    })
    const covered = roots.flatMap(({ root }) => ourPatterns(root))
    return roots.flatMap(({ path, root }) =>
      repositories(root).flatMap((repository) => leakOf(view, path, repository, covered)),
    )
  },
  bypass: `mvn --settings FILE ..., with a FILE of <settings/> (that asks ${mavenDefaultUrl()})`,
}

function rootOf(role: string, path: string, text: string): XmlElement | undefined {
  if (role !== 'pom') return readSettings(text, path)
  try {
    return readXml(text, path)
  } catch (error) {
    // A POM that Maven reads and this strict reader does not is the project's business.
    if (isKind(error, 'untrusted')) return undefined
    throw error
  }
}

function ourPatterns(root: XmlElement): string[] {
  return (childOf(root, 'mirrors')?.children ?? [])
    .filter((mirror) => textOfChild(mirror, 'id') === MIRROR_ID)
    .flatMap((mirror) => (textOfChild(mirror, 'mirrorOf') ?? '').split(','))
    .map((pattern) => pattern.trim())
}

function repositories(root: XmlElement): XmlElement[] {
  const profiles = childOf(root, 'profiles')?.children ?? []
  return [root, ...profiles].flatMap((holder) => LISTS.flatMap((list) => childOf(holder, list)?.children ?? []))
}

function leakOf(view: ClientView, path: string, repository: XmlElement, covered: readonly string[]): ClientLeak[] {
  const id = textOfChild(repository, 'id') ?? ''
  const url = textOfChild(repository, 'url') ?? ''
  const isCovered =
    id === CENTRAL || covered.some((pattern) => pattern === '*' || pattern === 'external:*' || pattern === id)
  if ((isCovered && !covered.includes(`!${id}`)) || url === '' || leadsTo(url, view.url)) return []
  return [
    {
      replaces: false,
      where: `the repository ${id} in ${path}`,
      found: withoutPasswords(url),
      mend: `give it to the node (pyrsia start --upstream maven-2=${withoutPasswords(url)}) and take it out of ${path}, or let the mirror ${MIRROR_ID} in settings.xml cover it too: <mirrorOf>central,${id}</mirrorOf>`,
    },
  ]
}
